#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_WEIGHTS_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "delegate/core/depthwise/kernel.h"
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
struct DepthwiseWeights {
  DataType type = DataType::kFloat32;
  int kernel_side = kKernelSide;
  int channels = 0;
  // taps() rows of a weight each channel, as in TFLite. One of the two is
  // filled, as `type` says.
  std::vector<float> float_values;
  std::vector<int8_t> int8_values;
  // Quantisation scale of each channel (int8 only).
  std::vector<float> scales;

  int taps() const { return kernel_side * kernel_side; }
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_WEIGHTS_H_
