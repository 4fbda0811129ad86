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

std::vector<uint16_t> AnyPatterns(size_t count, Random* random) {
  std::vector<uint16_t> patterns(count);
  for (uint16_t& pattern : patterns) {
    do {
      pattern = Uniform(0, (1 << kKernelTaps) - 1, random);
    } while (__builtin_popcount(pattern) != kPatternEntries);
  }
  return patterns;
}

std::vector<uint16_t> Patterns(const RandomConvOptions& options,
                               Random* random) {
  if (options.kernel_side == 1) return {kPointwisePattern};
  const std::vector<uint16_t> patterns = EightPatterns();
  return options.any_patterns ? AnyPatterns(patterns.size(), random) : patterns;
}

// Values of kept weights, of either type.
template <typename Weights>
void AddValue(const RandomConvOptions& options, bool kept, Random* random,
              Weights* weights) {
  if (options.type == DataType::kInt8) {
    const int8_t value =
        RandomWeight(options.extreme_weights, options.deviation, random);
    weights->int8_values.push_back(kept ? value : 0);
  } else {
    const float value = UniformFloat(-1, 1, random);
    weights->float_values.push_back(kept ? value : 0.0f);
  }
}

// Returns how many values each filter has on average.
double AddPatternWeights(const RandomConvOptions& options, Random* random,
                         PatternWeights* weights) {
  weights->type = options.type;
  weights->filters = options.filters;
  weights->channels = options.channels;
  weights->group_size = options.group_size;
  weights->kernel_side = options.kernel_side;
  weights->patterns = Patterns(options, random);
  weights->filter_order.resize(options.filters);
  std::iota(weights->filter_order.begin(), weights->filter_order.end(), 0);
  if (options.scattered) {
    std::shuffle(weights->filter_order.begin(), weights->filter_order.end(),
                 *random);
  }
  AddKernels(options, random, weights);
  size_t values = 0;
  for (int group = 0; group < weights->groups(); ++group) {
    values +=
        size_t{weights->group_begin[group + 1] - weights->group_begin[group]} *
        weights->FiltersOfGroup(group) * weights->entries();
  }
  for (size_t i = 0; i < values; ++i) {
    AddValue(options, /*kept=*/true, random, weights);
  }
  return static_cast<double>(values) / options.filters;
}

// The same for a depthwise convolution.
double AddDepthwiseWeights(const RandomConvOptions& options, Random* random,
                           DepthwiseWeights* weights) {
  weights->type = options.type;
  weights->kernel_side = options.kernel_side;
  weights->channels = options.channels;
  const std::vector<uint16_t> patterns = Patterns(options, random);
  const int last_pattern = static_cast<int>(patterns.size()) - 1;
  const bool pruned =
      options.compression > 1.0 && options.kernel_side == kKernelSide;
  std::vector<uint32_t> masks;
  for (int i = 0; i < options.channels; ++i) {
    masks.push_back(pruned ? patterns[Uniform(0, last_pattern, random)]
                           : (1u << weights->taps()) - 1);
  }
  for (int tap = 0; tap < weights->taps(); ++tap) {
    for (int i = 0; i < options.channels; ++i) {
      AddValue(options, masks[i] >> tap & 1, random, weights);
    }
  }
  return pruned ? kPatternEntries : weights->taps();
}

// The same for a stem.
double AddStemWeights(const RandomConvOptions& options, Random* random,
                      StemWeights* weights) {
  weights->type = options.type;
  weights->filters = options.filters;
  weights->channels = options.channels;
  weights->kernel_height = options.kernel_side;
  weights->kernel_width =
      options.kernel_width > 0 ? options.kernel_width : options.kernel_side;
  const size_t values = weights->FilterValues() * options.filters;
  for (size_t i = 0; i < values; ++i) {
    AddValue(options, /*kept=*/true, random, weights);
  }
  return static_cast<double>(weights->FilterValues());
}

}  // namespace

RandomConvOptions DenseDepthwise(int kernel_side) {
  RandomConvOptions options;
  options.kernel_side = kernel_side;
  options.depthwise = true;
  options.compression = 1.0;
  return options;
}

RandomConvOptions Stem() {
  RandomConvOptions options;
  options.stem = true;
  options.channels = 3;
  options.compression = 1.0;
  return options;
}

std::vector<uint16_t> EightPatterns() {
  return {0x3a, 0x9a, 0xb8, 0xb2, 0x1b, 0x36, 0xd8, 0x1b0};
}

RandomConv::RandomConv(const RandomConvOptions& options) {
  Random random(options.seed);
  double products;  // of an output
  ConvWeights* weights = &weights_;
  if (options.stem) {
    products = AddStemWeights(options, &random, &stem_weights_);
    description_.stem = &stem_weights_;
    weights = &stem_weights_;
  } else if (options.depthwise) {
    products = AddDepthwiseWeights(options, &random, &depthwise_weights_);
    description_.depthwise = &depthwise_weights_;
    weights = &depthwise_weights_;
  } else {
    products = AddPatternWeights(options, &random, &weights_);
    description_.weights = &weights_;
  }
  description_.stride_height = options.stride_height;
  description_.stride_width = options.stride_width;
  description_.padding = options.padding;
  description_.activation = options.activation;
  const int filters = description_.filters();
  if (options.type == DataType::kFloat32) {
    for (int i = 0; i < filters; ++i) {
      float_bias_.push_back(UniformFloat(-1, 1, &random));
    }
    if (options.bias) description_.float_bias = float_bias_.data();
    return;
  }
  for (int i = 0; i < filters; ++i) {
    weights->scales.push_back(UniformFloat(0.001f, 0.002f, &random));
    int32_bias_.push_back(Uniform(-3000, 3000, &random));
  }
  if (options.bias) description_.int32_bias = int32_bias_.data();
  description_.input.scale = 0.05f;
  description_.input.zero_point = Uniform(-128, 127, &random);
  // Sums of about the same size whatever the number of products.
  description_.output.scale =
      options.output_scale > 0.0f
          ? options.output_scale
          : static_cast<float>(0.01 * std::sqrt(std::max(1.0, products)));
  description_.output.zero_point = Uniform(-128, 127, &random);
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
