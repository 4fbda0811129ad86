#ifndef TF_PCONV_DELEGATE_TFLITE_SCHEDULE_H_
#define TF_PCONV_DELEGATE_TFLITE_SCHEDULE_H_

#include <cstddef>
#include <vector>

#include "delegate/core/operator.h"

namespace tf_pconv {

// An operator of a region, resized. Steps follow those whose outputs they read.
struct Step {
  static constexpr int kOfRuntime = -1;

  const Operator* op = nullptr;
  // For each input the step that computes it, or kOfRuntime.
  std::vector<int> producers;
  std::vector<size_t> input_row_bytes;  // of each input
  size_t output_row_bytes = 0;
  size_t weight_bytes = 0;
  // The runtime reads its output.
  bool leaves_region = false;
};

// Some rows of a step, computed at once.
struct Pass {
  int step = 0;
  RowRange rows;
  // From here on, rows of the output that were computed before are still read.
  int kept_row = 0;
};

// In which order a region computes the rows of its steps.
struct Schedule {
  std::vector<Pass> passes;
  // For each step: the most rows of its output that are kept at once, and the
  // passes from the first that writes to the last that reads them.
  std::vector<int> rows;
  std::vector<int> first_pass;
  std::vector<int> last_pass;
};

// Steps whose tensors together exceed `cache_bytes` compute a few rows in turn,
// so that what one has written is still in cache when the next reads it, and
// only those rows are kept. Where weights rather than tensors fill the cache
// that would not help, and a step runs as a whole.
Schedule PlanSchedule(const std::vector<Step>& steps, size_t cache_bytes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_SCHEDULE_H_
