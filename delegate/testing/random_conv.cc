#include "delegate/testing/random_conv.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace tf_pconv {
namespace {

using Random = std::mt19937;

int Uniform(int low, int high, Random* random) {
  return std::uniform_int_distribution<int>(low, high)(*random);
}

float UniformFloat(float low, float high, Random* random) {
  return std::uniform_real_distribution<float>(low, high)(*random);
}

// Kept kernels for each one of a dense layer.
double KernelSparsity(const RandomConvOptions& options) {
  return (options.kernel_side == 1 ? 1.0 : 2.25) / options.compression;
}

// Kernels that each group keeps, at random channels.
void AddKernels(const RandomConvOptions& options, Random* random,
                PatternWeights* weights) {
  const int balanced = std::clamp(
      static_cast<int>(std::lround(options.channels * KernelSparsity(options))),
      1, options.channels);
  const int patterns = static_cast<int>(weights->patterns.size());
  weights->group_begin.push_back(0);
  for (int group = 0; group < weights->groups(); ++group) {
    const int kept =
        options.unbalanced
            ? Uniform(0, std::min(2 * balanced, options.channels), random)
            : balanced;
    std::vector<int> channels(options.channels);
    std::iota(channels.begin(), channels.end(), 0);
    std::shuffle(channels.begin(), channels.end(), *random);
    std::vector<GroupKernel> kernels;
    for (int i = 0; i < kept; ++i) {
      kernels.push_back(
          {static_cast<uint16_t>(channels[i]),
           static_cast<uint16_t>(Uniform(0, patterns - 1, random))});
    }
    std::sort(kernels.begin(), kernels.end(),
              [](const GroupKernel& a, const GroupKernel& b) {
                return a.pattern != b.pattern ? a.pattern < b.pattern
                                              : a.channel < b.channel;
              });
    weights->kernels.insert(weights->kernels.end(), kernels.begin(),
                            kernels.end());
    weights->group_begin.push_back(
        static_cast<uint32_t>(weights->kernels.size()));
  }
}

int8_t RandomWeight(bool extreme, double deviation, Random* random) {
  if (extreme) {
    constexpr int8_t kExtremes[] = {-128, -127, 127};
    return kExtremes[Uniform(0, 2, random)];
  }
  std::normal_distribution<double> normal(0.0, deviation);
  return static_cast<int8_t>(
      std::clamp(std::lround(normal(*random)), -127L, 127L));
}

}  // namespace

std::vector<uint16_t> EightPatterns() {
  return {0x3a, 0x9a, 0xb8, 0xb2, 0x1b, 0x36, 0xd8, 0x1b0};
}

RandomConv::RandomConv(const RandomConvOptions& options) {
  Random random(options.seed);
  weights_.type = options.type;
  weights_.filters = options.filters;
  weights_.channels = options.channels;
  weights_.group_size = options.group_size;
  weights_.kernel_side = options.kernel_side;
  weights_.patterns = options.kernel_side == 1
                          ? std::vector<uint16_t>{kPointwisePattern}
                          : EightPatterns();
  weights_.filter_order.resize(options.filters);
  std::iota(weights_.filter_order.begin(), weights_.filter_order.end(), 0);
  if (options.scattered) {
    std::shuffle(weights_.filter_order.begin(), weights_.filter_order.end(),
                 random);
  }
  AddKernels(options, &random, &weights_);
  size_t values = 0;
  for (int group = 0; group < weights_.groups(); ++group) {
    values +=
        size_t{weights_.group_begin[group + 1] - weights_.group_begin[group]} *
        weights_.FiltersOfGroup(group) * weights_.entries();
  }
  // Sums of about the same size whatever the number of products.
  const float sums =
      std::sqrt(std::max(1.0f, static_cast<float>(values) / options.filters));

  description_.weights = &weights_;
  description_.stride_height = options.stride_height;
  description_.stride_width = options.stride_width;
  description_.padding = options.padding;
  description_.activation = options.activation;
  if (options.type == DataType::kFloat32) {
    for (size_t i = 0; i < values; ++i) {
      weights_.float_values.push_back(UniformFloat(-1, 1, &random));
    }
    for (int i = 0; i < options.filters; ++i) {
      float_bias_.push_back(UniformFloat(-1, 1, &random));
    }
    if (options.bias) description_.float_bias = float_bias_.data();
    return;
  }
  for (size_t i = 0; i < values; ++i) {
    weights_.int8_values.push_back(
        RandomWeight(options.extreme_weights, options.deviation, &random));
  }
  for (int i = 0; i < options.filters; ++i) {
    weights_.scales.push_back(UniformFloat(0.001f, 0.002f, &random));
    int32_bias_.push_back(Uniform(-3000, 3000, &random));
  }
  if (options.bias) description_.int32_bias = int32_bias_.data();
  description_.input_scale = 0.05f;
  description_.input_zero_point = Uniform(-128, 127, &random);
  description_.output_scale =
      options.output_scale > 0.0f ? options.output_scale : 0.01f * sums;
  description_.output_zero_point = Uniform(-128, 127, &random);
}

RandomDepthwise::RandomDepthwise(const RandomDepthwiseOptions& options) {
  Random random(options.seed);
  const std::vector<uint16_t> patterns = EightPatterns();
  const int last_pattern = static_cast<int>(patterns.size()) - 1;
  std::vector<uint16_t> masks;
  for (int i = 0; i < options.channels; ++i) {
    masks.push_back(options.patterns
                        ? patterns[Uniform(0, last_pattern, &random)]
                        : (1 << kKernelTaps) - 1);
  }
  const bool is_int8 = options.type == DataType::kInt8;
  constexpr double kDeviation = 40.0;
  for (int tap = 0; tap < kKernelTaps; ++tap) {
    for (int i = 0; i < options.channels; ++i) {
      const bool kept = masks[i] >> tap & 1;
      if (is_int8) {
        const int8_t weight =
            RandomWeight(options.extreme_weights, kDeviation, &random);
        weights_.int8_values.push_back(kept ? weight : 0);
      } else {
        const float weight = UniformFloat(-1, 1, &random);
        weights_.float_values.push_back(kept ? weight : 0.0f);
      }
    }
  }
  for (int i = 0; i < options.channels; ++i) {
    float_bias_.push_back(UniformFloat(-1, 1, &random));
    int32_bias_.push_back(Uniform(-3000, 3000, &random));
    if (is_int8) {
      weights_.scales.push_back(UniformFloat(0.001f, 0.002f, &random));
    }
  }
  weights_.type = options.type;
  weights_.channels = options.channels;
  description_.depthwise = &weights_;
  description_.stride_height = options.stride_height;
  description_.stride_width = options.stride_width;
  description_.padding = options.padding;
  description_.activation = options.activation;
  if (!is_int8) {
    if (options.bias) description_.float_bias = float_bias_.data();
    return;
  }
  if (options.bias) description_.int32_bias = int32_bias_.data();
  description_.input_scale = 0.05f;
  description_.input_zero_point = Uniform(-128, 127, &random);
  description_.output_scale = 0.02f;
  description_.output_zero_point = Uniform(-128, 127, &random);
}

std::vector<int8_t> RandomInt8(size_t count, uint32_t seed) {
  Random random(seed);
  std::vector<int8_t> values(count);
  for (int8_t& value : values) {
    const uint32_t bits = random();
    value = static_cast<int8_t>(bits);
    if (bits >> 8 & 1) value = bits >> 9 & 1 ? 127 : -128;
  }
  return values;
}

std::vector<float> RandomFloat(size_t count, uint32_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = UniformFloat(-1, 1, &random);
  return values;
}

}  // namespace tf_pconv
