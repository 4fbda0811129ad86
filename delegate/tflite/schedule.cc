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

// Steps that run together; a single one runs as a whole. False where there is
// no cache for what they would keep in it.
bool Arrange(int begin, int end, const Workers& workers, Waves* waves) {
  if (end - begin > 1) return waves->Cut(workers);
  waves->RunWhole();
  return true;
}

// The best way for each number of steps.
std::vector<Prefix> FindPrefixes(const std::vector<Step>& steps,
                                 const std::vector<int>& last_readers,
                                 const Workers& workers) {
  std::vector<Prefix> best = {{0, 0}};
  for (int end = 1; end <= static_cast<int>(steps.size()); ++end) {
    for (int begin = end - 1; begin >= 0; --begin) {
      Waves waves(steps, last_readers, begin, end);
      // Nor is there for more of them.
      if (!Arrange(begin, end, workers, &waves)) break;
      const double traffic = best[begin].traffic + waves.Traffic(workers);
      if (begin == end - 1) {
        best.push_back({traffic, begin});
      } else if (traffic < best[end].traffic) {
        best[end] = {traffic, begin};
      }
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
    Arrange(begin, *end, workers, &waves);
    schedule.passes.insert(schedule.passes.end(), waves.passes().begin(),
                           waves.passes().end());
    schedule.rows.insert(schedule.rows.end(), waves.rows().begin(),
                         waves.rows().end());
  }
  FindLifetimes(steps, &schedule);
  return schedule;
}

}  // namespace tf_pconv
