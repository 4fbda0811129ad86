#include "delegate/tflite/waves.h"

#include <algorithm>
#include <limits>

namespace tf_pconv {
namespace {

// Of a thread; fewer would leave much of the last tile of a pass unused.
constexpr int kLeastPixels = 384;

// What a pass costs each thread besides its rows, and what a byte costs that
// moves inside the cache, in bytes from beyond it.
constexpr double kPassBytes = 32 * 1024;
constexpr double kMovedByte = 0.125;

int RoundUp(int value, int unit) { return (value + unit - 1) / unit * unit; }

double OutputBytes(const Step& step) {
  const ActivationShape shape = step.op->output_shape();
  return double(shape.batch) * shape.height * step.output_row_bytes;
}

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

}  // namespace

std::vector<int> LastReaders(const std::vector<Step>& steps) {
  std::vector<int> readers(steps.size());
  for (int step = 0; step < static_cast<int>(steps.size()); ++step) {
    readers[step] = step;
    for (int producer : steps[step].producers) {
      if (producer != Step::kOfRuntime) readers[producer] = step;
    }
  }
  return readers;
}

bool LeavesCache(const Step& step, const Workers& workers) {
  return OutputBytes(step) > workers.cache_bytes / 2;
}

Waves::Waves(const std::vector<Step>& steps,
             const std::vector<int>& last_readers, int begin, int end)
    : steps_(&steps), last_readers_(&last_readers), begin_(begin), end_(end) {}

void Waves::RunWhole() { Simulate(Height(end_ - 1)); }

bool Waves::Cut(const Workers& workers) {
  if (HasBatches()) return false;
  const Step& last = At(end_ - 1);
  const ActivationShape& shape = last.op->output_shape();
  int rows = 0;
  for (int waves = 2; waves <= shape.height; ++waves) {
    const int last_rows = rows;
    rows = RoundUp((shape.height + waves - 1) / waves, last.op->row_unit());
    // Of a tall image, most numbers of waves give the same rows as the one
    // before, and simulating them takes long.
    if (rows == last_rows || rows >= shape.height) continue;
    if (rows * shape.width < kLeastPixels * workers.threads) return false;
    Simulate(rows);
    if (Footprint() <= workers.cache_bytes) return true;
  }
  return false;
}

double Waves::Traffic(const Workers& workers) const {
  double bytes = kPassBytes * workers.threads * passes_.size();
  std::vector<RowRange> held(end_ - begin_);
  for (const Pass& pass : passes_) {
    RowRange& rows = held[pass.step - begin_];
    if (pass.kept_row != rows.begin) {
      bytes += kMovedByte * (rows.end - pass.kept_row) *
               At(pass.step).output_row_bytes;
    }
    rows = {pass.kept_row, pass.rows.end};
  }
  for (int step = begin_; step < end_; ++step) {
    if (!IsWhole(step) || !LeavesCache(At(step), workers)) continue;
    bytes += 2 * OutputBytes(At(step));
  }
  return bytes;
}

// Buffers of a few rows have no place for those of a second image.
bool Waves::HasBatches() const {
  return std::any_of(
      steps_->begin() + begin_, steps_->begin() + end_,
      [](const Step& step) { return step.op->output_shape().batch > 1; });
}

// Whether all rows of the step's output are kept.
bool Waves::IsWhole(int step) const {
  return At(step).leaves_region || (*last_readers_)[step] >= end_;
}

// The last of these steps that reads it; itself if none does.
int Waves::LastReaderHere(int step) const {
  int last = step;
  for (int reader = step + 1; reader < end_; ++reader) {
    if (Reads(At(reader), step)) last = reader;
  }
  return last;
}

void Waves::Simulate(int wave_rows) {
  const int last = end_ - 1;
  const int height = Height(last);
  passes_.clear();
  rows_.assign(end_ - begin_, 0);
  std::vector<int> done(end_ - begin_, 0);
  // In the first wave, steps compute beside its rows all those that windows
  // reach beyond them: fewer rows make it as large as others.
  int advance = wave_rows;
  if (wave_rows < height) {
    advance = RoundUp((wave_rows + 1) / 2, At(last).op->row_unit());
  }
  for (int target = 0; target < height; advance = wave_rows) {
    target = std::min(target + advance, height);
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
std::vector<int> Waves::FindGoals(int target,
                                  const std::vector<int>& done) const {
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
      goal = std::max(goal,
                      static_cast<int>(double(target) / Height(last) * height));
    }
    goal = std::min(RoundUp(goal, At(step).op->row_unit()), height);
  }
  return goals;
}

// The first row of a step's output that is read from now on; those from
// `next` are not there yet.
int Waves::FirstRowRead(int step, int next,
                        const std::vector<int>& done) const {
  int first = next;
  for (int reader = step + 1; reader < end_; ++reader) {
    const int row = done[reader - begin_];
    if (!Reads(At(reader), step) || row == Height(reader)) continue;
    first = std::min(first, RowsRead(At(reader), {row, row + 1}, step).begin);
  }
  return first;
}

size_t Waves::BytesRead(const Pass& pass) const {
  const Step& step = At(pass.step);
  size_t bytes = 0;
  for (size_t i = 0; i < step.producers.size(); ++i) {
    const RowRange rows = step.op->InputRows(static_cast<int>(i), pass.rows);
    bytes += (rows.end - rows.begin) * step.input_row_bytes[i];
  }
  return bytes;
}

// What must stay in cache: all weights, the rows that the next wave reads
// again, and at the worst time of a wave what one pass touches and others of
// the same wave have written for later ones.
size_t Waves::Footprint() const {
  Sizes touched(end_ - begin_, 0);
  Sizes written(end_ - begin_, 0);
  Sizes read_again(end_ - begin_, 0);
  for (const Pass& pass : passes_) {
    const int index = pass.step - begin_;
    const size_t row_bytes = At(pass.step).output_row_bytes;
    const size_t output = (pass.rows.end - pass.rows.begin) * row_bytes;
    written[index] = std::max(written[index], output);
    touched[index] = std::max(touched[index], BytesRead(pass) + output);
    if (IsWhole(pass.step)) continue;
    read_again[index] = std::max(read_again[index],
                                 (pass.rows.begin - pass.kept_row) * row_bytes);
  }
  size_t kept = 0;
  for (int step = begin_; step < end_; ++step) {
    kept += At(step).weight_bytes + read_again[step - begin_];
    for (int other = step + 1; other < LastReaderHere(step); ++other) {
      if (Reads(At(other), step)) continue;
      touched[other - begin_] += written[step - begin_];
    }
  }
  return kept + *std::max_element(touched.begin(), touched.end());
}

}  // namespace tf_pconv
