#ifndef TF_PCONV_DELEGATE_TFLITE_WAVES_H_
#define TF_PCONV_DELEGATE_TFLITE_WAVES_H_

#include <cstddef>
#include <vector>

#include "delegate/tflite/step.h"

namespace tf_pconv {

// For each step the last that reads it; itself where none does.
std::vector<int> LastReaders(const std::vector<Step>& steps);

// Whether the output of a step that runs as a whole has left the cache when its
// first reader comes.
bool LeavesCache(const Step& step, const Workers& workers);

// Consecutive steps that compute a few rows in turn: a wave of the last step's
// rows draws those rows of the others that it depends on.
class Waves {
 public:
  // The steps [begin, end) of `steps`. `last_readers` are those of all steps.
  // Both must outlive this.
  Waves(const std::vector<Step>& steps, const std::vector<int>& last_readers,
        int begin, int end);

  // Computes one step after another, each as a whole.
  void RunWhole();

  // Cuts the last step into as few waves as make what is read again stay in
  // cache, but into two at least. False where their rows would be too few.
  bool Cut(const Workers& workers);

  // The bytes that passes move from beyond the cache and back, and what passes
  // take besides, in bytes of which that many take as long. What is the same
  // for any grouping of steps does not count.
  double Traffic(const Workers& workers) const;

  const std::vector<Pass>& passes() const { return passes_; }

  // For each step the most rows of its output that are kept at once.
  const std::vector<int>& rows() const { return rows_; }

 private:
  // One value for each step.
  using Sizes = std::vector<size_t>;

  const Step& At(int step) const { return (*steps_)[step]; }
  int Height(int step) const { return At(step).op->output_shape().height; }
  bool HasBatches() const;
  bool IsWhole(int step) const;
  int LastReaderHere(int step) const;

  void Simulate(int wave_rows);
  std::vector<int> FindGoals(int target, const std::vector<int>& done) const;
  int FirstRowRead(int step, int next, const std::vector<int>& done) const;
  size_t BytesRead(const Pass& pass) const;
  size_t Footprint() const;

  const std::vector<Step>* steps_;
  const std::vector<int>* last_readers_;
  int begin_;
  int end_;
  std::vector<Pass> passes_;
  std::vector<int> rows_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_WAVES_H_
