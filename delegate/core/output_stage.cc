#include "delegate/core/output_stage.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tf_pconv {
namespace {

// With this multiplier of halves, every sum but 0 is cut off.
constexpr double kLargestMultiplier = 512.0;

// Products of a sum, at most.
int MostTaps(const ConvDescription& description) {
  if (description.depthwise != nullptr) return description.depthwise->taps();
  if (description.stem != nullptr) {
    return static_cast<int>(description.stem->FilterValues());
  }
  const PatternWeights& weights = *description.weights;
  uint32_t kernels = 0;
  for (int group = 0; group < weights.groups(); ++group) {
    kernels = std::max(
        kernels, weights.group_begin[group + 1] - weights.group_begin[group]);
  }
  return static_cast<int>(kernels) * weights.entries();
}

}  // namespace

FloatRange ActivationRange(Activation activation) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      return {0.0f, kInfinity};
    case Activation::kReluN1To1:
      return {-1.0f, 1.0f};
    case Activation::kRelu6:
      return {0.0f, 6.0f};
  }
  return {-kInfinity, kInfinity};
}

Int8Range QuantizedRange(Activation activation, const Quantization& output) {
  const FloatRange range = ActivationRange(activation);
  // The quantised bounds, clamped to what int8 holds (infinities included).
  const auto quantize = [&](float value) {
    const float scaled = std::round(value / output.scale) +
                         static_cast<float>(output.zero_point);
    return static_cast<int8_t>(std::clamp(scaled, -128.0f, 127.0f));
  };
  return {quantize(range.min), quantize(range.max)};
}

Int8OutputStage MakeInt8OutputStage(const ConvDescription& description) {
  Int8OutputStage stage;
  for (float scale : description.scales()) {
    const double multiplier = static_cast<double>(description.input.scale) *
                              scale / description.output.scale;
    stage.multipliers.push_back(
        static_cast<float>(std::min(2.0 * multiplier, kLargestMultiplier)));
    int exponent = 0;
    std::frexp(multiplier, &exponent);
    stage.offsets.push_back(description.rounds_twice && exponent < 0
                                ? std::ldexp(1.0f, exponent)
                                : 0.0f);
  }
  stage.zero_point = description.output.zero_point;
  const Int8Range range =
      QuantizedRange(description.activation, description.output);
  stage.min = range.min;
  stage.max = range.max;
  return stage;
}

bool HalvesFitInt32(const ConvDescription& description) {
  if (description.type() != DataType::kInt8) return true;
  constexpr double kLargestProduct = 128 * 255;  // the zero point subtracted
  const int taps = MostTaps(description);
  const Int8OutputStage stage = MakeInt8OutputStage(description);
  for (int filter = 0; filter < description.filters(); ++filter) {
    const double bias = description.int32_bias == nullptr
                            ? 0.0
                            : std::abs(double(description.int32_bias[filter]));
    // Sums wrap around, and are rounded to a float.
    constexpr double kInt32 = std::numeric_limits<int32_t>::max();
    const double sum = std::min(kLargestProduct * taps + bias, kInt32);
    if (sum * stage.multipliers[filter] > 0.999 * kInt32) return false;
  }
  return true;
}

int8_t Requantize(const Int8OutputStage& stage, int filter, int32_t sum) {
  const float low = static_cast<float>(stage.min - stage.zero_point);
  const float high = static_cast<float>(stage.max - stage.zero_point);
  const float value = static_cast<float>(sum);
  const float halves =
      std::floor(std::fma(value, stage.multipliers[filter],
                          std::copysign(stage.offsets[filter], value)));
  const float rounded = std::floor(0.5f * (halves + 1.0f));
  return static_cast<int8_t>(
      static_cast<int32_t>(std::clamp(rounded, low, high)) + stage.zero_point);
}

}  // namespace tf_pconv
