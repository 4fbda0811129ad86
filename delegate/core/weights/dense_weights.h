#ifndef TF_PCONV_DELEGATE_CORE_WEIGHTS_DENSE_WEIGHTS_H_
#define TF_PCONV_DELEGATE_CORE_WEIGHTS_DENSE_WEIGHTS_H_

#include "delegate/core/status.h"
#include "delegate/core/weights/pattern_weights.h"

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

// Fails, with the reason, where structure cannot be looked for: too many
// channels, int8 without scales, weights that are no finite numbers.
Status CheckDenseWeights(const DenseWeights& dense);

// The type, sizes and scales of dense weights, without any kernel.
PatternWeights DescribeDenseWeights(const DenseWeights& dense);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WEIGHTS_DENSE_WEIGHTS_H_
