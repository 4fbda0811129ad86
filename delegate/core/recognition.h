#ifndef TF_PCONV_DELEGATE_CORE_RECOGNITION_H_
#define TF_PCONV_DELEGATE_CORE_RECOGNITION_H_

#include "delegate/core/pattern_weights.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// Dense weights in the order of TFLite: [filters, side, side, channels].
struct DenseWeights {
  DataType type = DataType::kFloat32;
  int filters = 0;
  int channels = 0;
  const void* values = nullptr;
  const float* scales = nullptr;  // one an output channel; int8 only
  int kernel_side = 3;
};

// Finds patterns, removed kernels and filter groups in dense 3x3 weights. A
// group is a set of filters whose non-zeros fit one shared mask, so weights
// that quantisation turned into zero do not hide it. Fails, with the reason,
// where a kernel keeps more than four weights, and where no weight is kept at
// all.
Status RecognizePatterns(const DenseWeights& dense, PatternWeights* weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_RECOGNITION_H_
