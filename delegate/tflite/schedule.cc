#include "delegate/tflite/schedule.h"

#include <algorithm>

#include "delegate/tflite/waves.h"

namespace tf_pconv {
namespace {

// The best way to compute the first steps: those before `begin` in the best way
// for them, and the others together.
struct Prefix {
  double traffic;
  int begin;
};

// More of them together save little: only their last output passes the cache.
constexpr int kMostSteps = 16;

// The best way for each number of steps.
std::vector<Prefix> FindPrefixes(const std::vector<Step>& steps,
                                 const std::vector<int>& last_readers,
                                 const Workers& workers) {
  std::vector<Prefix> best = {{0, 0}};
  for (int end = 1; end <= static_cast<int>(steps.size()); ++end) {
    const int last = end - 1;
    Waves alone(steps, last_readers, last, end);
    alone.RunWhole();
    best.push_back({best[last].traffic + alone.Traffic(workers), last});
    bool saves = false;  // anything that lies between the steps
    for (int begin = last - 1; begin >= std::max(0, end - kMostSteps);
         --begin) {
      saves |= LeavesCache(steps[begin], workers);
      if (!saves) continue;
      Waves waves(steps, last_readers, begin, end);
      // Where these do not fit the cache, more of them do not either.
      if (!waves.Cut(workers)) break;
      const double traffic = best[begin].traffic + waves.Traffic(workers);
      if (traffic < best[end].traffic) best[end] = {traffic, begin};
    }
  }
  return best;
}

void FindLifetimes(const std::vector<Step>& steps, Schedule* schedule) {
  schedule->first_pass.assign(steps.size(), -1);
  schedule->last_pass.assign(steps.size(), -1);
  for (size_t i = 0; i < schedule->passes.size(); ++i) {
    const int pass = static_cast<int>(i);
    const int step = schedule->passes[i].step;
    if (schedule->first_pass[step] < 0) schedule->first_pass[step] = pass;
    schedule->last_pass[step] = std::max(schedule->last_pass[step], pass);
    for (int producer : steps[step].producers) {
      if (producer != Step::kOfRuntime) schedule->last_pass[producer] = pass;
    }
  }
}

}  // namespace

Schedule PlanSchedule(const std::vector<Step>& steps, const Workers& workers) {
  const std::vector<int> last_readers = LastReaders(steps);
  const std::vector<Prefix> best = FindPrefixes(steps, last_readers, workers);
  std::vector<int> ends;
  for (int end = static_cast<int>(steps.size()); end > 0;
       end = best[end].begin) {
    ends.push_back(end);
  }
  Schedule schedule;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const int begin = best[*end].begin;
    Waves waves(steps, last_readers, begin, *end);
    if (begin == *end - 1) {
      waves.RunWhole();
    } else {
      static_cast<void>(waves.Cut(workers));
    }
    schedule.passes.insert(schedule.passes.end(), waves.passes().begin(),
                           waves.passes().end());
    schedule.rows.insert(schedule.rows.end(), waves.rows().begin(),
                         waves.rows().end());
  }
  FindLifetimes(steps, &schedule);
  return schedule;
}

}  // namespace tf_pconv
