#ifndef TF_PCONV_DELEGATE_CORE_OUTPUT_STAGE_H_
#define TF_PCONV_DELEGATE_CORE_OUTPUT_STAGE_H_

#include <cstdint>
#include <vector>

#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// From int32 sums to int8 outputs. TFLite's reference kernels multiply in fixed
// point. Those of fully-connected layers round once, halves up; those of
// convolutions twice: to a binary fraction of `bits` bits, halves up, then
// to an integer, halves away from zero. Both together are one rounding of
//   sum * scale + 2^-(bits + 1)  where the sum is positive,
//   sum * scale - 2^-(bits + 1)  where it is negative,
// halves up; so, in halves of an output, which leave that to integers:
//   halves = floor(sum * multiplier + copysign(offset, sum))
//   output = clamp(floor((halves + 1) / 2) + zero_point)
struct Int8OutputStage {
  // One an output channel.
  std::vector<float> multipliers;  // twice the scale
  // 2^-bits; 0 where there are none, or outputs are rounded once.
  std::vector<float> offsets;
  int32_t zero_point = 0;
  int32_t min = -128;  // the activation's range, in outputs
  int32_t max = 127;

  // What kernels add to halves before they halve them.
  int16_t center() const { return static_cast<int16_t>(2 * zero_point + 1); }
};

// Outputs of a fused activation in float32.
struct FloatRange {
  float min;
  float max;
};

// The same of int8 outputs.
struct Int8Range {
  int8_t min;
  int8_t max;
};
Int8Range QuantizedRange(Activation activation, const Quantization& output);

// Whether the halves of every sum are an int32, on which kernels rely; float32
// has none. Others are there only where outputs have a scale far below that of
// the products, so that nearly all of them are clamped.
bool HalvesFitInt32(const ConvDescription& description);

Int8OutputStage MakeInt8OutputStage(const ConvDescription& description);

FloatRange ActivationRange(Activation activation);

// The output of one sum.
int8_t Requantize(const Int8OutputStage& stage, int filter, int32_t sum);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_OUTPUT_STAGE_H_
