#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_WEIGHTS_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_WEIGHTS_H_

#include "delegate/core/depthwise/kernel.h"
#include "delegate/core/weights/conv_weights.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

inline constexpr int kDepthwiseMostTaps =
    kDepthwiseMostSide * kDepthwiseMostSide;

// Whether there are depthwise convolutions with windows of so many rows and
// columns.
inline bool IsDepthwiseSide(int side) {
  return side == kKernelSide || side == kDepthwiseMostSide;
}

// The weights of a depthwise convolution: one kernel a channel. They are
// kept dense, zeros of patterns included: all of a kernel costs less than its
// output does.
struct DepthwiseWeights : ConvWeights {
  int kernel_side = kKernelSide;
  // Values: taps() rows of a weight each channel, as in TFLite.

  int taps() const { return kernel_side * kernel_side; }
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_WEIGHTS_H_
