#ifndef TF_PCONV_DELEGATE_TFLITE_STEP_H_
#define TF_PCONV_DELEGATE_TFLITE_STEP_H_

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

// What runs passes: threads with a cache each.
struct Workers {
  int threads = 1;
  size_t cache_bytes = 0;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_STEP_H_
