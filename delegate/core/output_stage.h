#ifndef TF_PCONV_DELEGATE_CORE_OUTPUT_STAGE_H_
#define TF_PCONV_DELEGATE_CORE_OUTPUT_STAGE_H_

#include <cstdint>
#include <vector>

#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// From int32 sums to int8 outputs. TFLite's reference kernels multiply in fixed
// point and round twice: to a binary fraction, halves up, then to an integer,
// halves away from zero. To give the same outputs, so does this:
//   fraction = floor(sum * multipliers[filter] + 1/2)  in units of
//   units[filter] output = clamp(round(fraction * units[filter]) + zero_point)
struct Int8OutputStage {
  // One an output channel.
  std::vector<float> multipliers;
  std::vector<float> units;  // powers of two
  int32_t zero_point = 0;
  int32_t min = -128;  // the activation's range, in outputs
  int32_t max = 127;
};

// Outputs of a fused activation in float32.
struct FloatRange {
  float min;
  float max;
};

Int8OutputStage MakeInt8OutputStage(const ConvDescription& description);

FloatRange ActivationRange(Activation activation);

// The output of one sum.
int8_t Requantize(const Int8OutputStage& stage, int filter, int32_t sum);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_OUTPUT_STAGE_H_
