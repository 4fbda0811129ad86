#include "delegate/tflite/schedule.h"

#include <algorithm>
#include <limits>

namespace tf_pconv {
namespace {

// Fewer pixels would leave much of the last tile of a pass unused.
constexpr int kLeastPixels = 768;

bool Reads(const Step& reader, int step) {
  return std::find(reader.producers.begin(), reader.producers.end(), step) !=
         reader.producers.end();
}

// The rows of a step's output that rows of its reader depend on.
RowRange RowsRead(const Step& reader, RowRange rows, int step) {
  RowRange read = {std::numeric_limits<int>::max(), 0};
  for (size_t i = 0; i < reader.producers.size(); ++i) {
    if (reader.producers[i] != step) continue;
    const RowRange input = reader.op->InputRows(static_cast<int>(i), rows);
    read.begin = std::min(read.begin, input.begin);
    read.end = std::max(read.end, input.end);
  }
  return read;
}

// Consecutive steps that compute a few rows in turn: a wave of the last step's
// rows draws those rows of the others that it depends on.
class Waves {
 public:
  // The steps [begin, end).
  Waves(const std::vector<Step>& steps, int begin, int end)
      : steps_(&steps), begin_(begin), end_(end) {}

  // Cuts the last step into waves of as many rows as fit into the cache. False
  // where these would be too few.
  bool Cut(size_t cache_bytes) {
    const Step& last = At(end_ - 1);
    const ActivationShape& shape = last.op->output_shape();
    const int unit = last.op->row_unit();
    int rows = 0;
    for (int waves = 1; waves <= shape.height; ++waves) {
      const int last_rows = rows;
      rows = (shape.height + waves - 1) / waves;
      rows = (rows + unit - 1) / unit * unit;
      // Of a tall image, most numbers of waves give the same rows as the one
      // before, and simulating them takes long.
      if (rows == last_rows) continue;
      if (waves > 1 && (rows * shape.width < kLeastPixels || HasBatches())) {
        return false;
      }
      Simulate(rows);
      if (Footprint() <= cache_bytes) return true;
    }
    return false;
  }

  // Computes one step after another, each as a whole.
  void RunWhole() { Simulate(At(end_ - 1).op->output_shape().height); }

  void AppendTo(Schedule* schedule) const {
    schedule->passes.insert(schedule->passes.end(), passes_.begin(),
                            passes_.end());
    schedule->rows.insert(schedule->rows.end(), rows_.begin(), rows_.end());
  }

 private:
  const Step& At(int step) const { return (*steps_)[step]; }
  int Height(int step) const { return At(step).op->output_shape().height; }

  // Buffers of a few rows have no place for those of a second image.
  bool HasBatches() const {
    return std::any_of(
        steps_->begin() + begin_, steps_->begin() + end_,
        [](const Step& step) { return step.op->output_shape().batch > 1; });
  }

  // Whether all rows of the step's output are kept.
  bool IsWhole(int step) const {
    if (At(step).leaves_region) return true;
    return std::any_of(
        steps_->begin() + end_, steps_->end(),
        [step](const Step& reader) { return Reads(reader, step); });
  }

  void Simulate(int wave_rows) {
    const int last = end_ - 1;
    passes_.clear();
    rows_.assign(end_ - begin_, 0);
    std::vector<int> done(end_ - begin_, 0);
    for (int target = 0; target < Height(last);) {
      target = std::min(target + wave_rows, Height(last));
      const std::vector<int> goals = FindGoals(target, done);
      for (int step = begin_; step < end_; ++step) {
        const int begin = done[step - begin_];
        const int end = goals[step - begin_];
        if (begin == end) continue;
        const int kept = IsWhole(step) ? 0 : FirstRowRead(step, begin, done);
        passes_.push_back({step, {begin, end}, kept});
        int& rows = rows_[step - begin_];
        rows = std::max(rows, end - kept);
        done[step - begin_] = end;
      }
    }
  }

  // How far each step must have come for the last to reach row `target`.
  std::vector<int> FindGoals(int target, const std::vector<int>& done) const {
    const int last = end_ - 1;
    std::vector<int> goals = done;
    for (int step = last; step >= begin_; --step) {
      int& goal = goals[step - begin_];
      const int height = Height(step);
      if (target == Height(last)) {
        goal = height;
        continue;
      }
      bool is_read = false;
      for (int reader = step + 1; reader < end_; ++reader) {
        if (!Reads(At(reader), step)) continue;
        is_read = true;
        const RowRange rows = {done[reader - begin_], goals[reader - begin_]};
        if (rows.begin == rows.end) continue;
        goal = std::max(goal, RowsRead(At(reader), rows, step).end);
      }
      // What nobody here reads advances at the pace of the last step.
      if (!is_read) {
        goal = std::max(
            goal, static_cast<int>(double(target) / Height(last) * height));
      }
      const int unit = At(step).op->row_unit();
      goal = std::min((goal + unit - 1) / unit * unit, height);
    }
    return goals;
  }

  // The first row of a step's output that is read from now on; those from
  // `next` are not there yet.
  int FirstRowRead(int step, int next, const std::vector<int>& done) const {
    int first = next;
    for (int reader = step + 1; reader < end_; ++reader) {
      const int row = done[reader - begin_];
      if (!Reads(At(reader), step) || row == Height(reader)) continue;
      first = std::min(first, RowsRead(At(reader), {row, row + 1}, step).begin);
    }
    return first;
  }

  // Bytes that a wave touches: the rows it keeps, those that it reads from and
  // writes to whole tensors, and all weights.
  size_t Footprint() const {
    size_t bytes = 0;
    for (int step = begin_; step < end_; ++step) {
      bytes += At(step).weight_bytes;
      if (!IsWhole(step)) {
        bytes += rows_[step - begin_] * At(step).output_row_bytes;
      }
    }
    std::vector<size_t> whole(end_ - begin_, 0);
    for (const Pass& pass : passes_) {
      const Step& step = At(pass.step);
      size_t touched = 0;
      if (IsWhole(pass.step)) {
        touched += (pass.rows.end - pass.rows.begin) * step.output_row_bytes;
      }
      for (size_t i = 0; i < step.producers.size(); ++i) {
        const int producer = step.producers[i];
        if (producer >= begin_ && !IsWhole(producer)) continue;
        const RowRange read =
            step.op->InputRows(static_cast<int>(i), pass.rows);
        touched += (read.end - read.begin) * step.input_row_bytes[i];
      }
      size_t& most = whole[pass.step - begin_];
      most = std::max(most, touched);
    }
    for (size_t touched : whole) bytes += touched;
    return bytes;
  }

  const std::vector<Step>* steps_;
  int begin_;
  int end_;
  std::vector<Pass> passes_;
  std::vector<int> rows_;  // kept of each step's output
};

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

Schedule PlanSchedule(const std::vector<Step>& steps, size_t cache_bytes) {
  const int count = static_cast<int>(steps.size());
  Schedule schedule;
  for (int begin = 0; begin < count;) {
    Waves waves(steps, begin, begin + 1);
    waves.RunWhole();
    int end = begin + 1;
    for (; end < count; ++end) {
      Waves longer(steps, begin, end + 1);
      if (!longer.Cut(cache_bytes)) break;
      waves = longer;
    }
    waves.AppendTo(&schedule);
    begin = end;
  }
  FindLifetimes(steps, &schedule);
  return schedule;
}

}  // namespace tf_pconv
