#ifndef TF_PCONV_DELEGATE_TESTING_RANDOM_CONV_H_
#define TF_PCONV_DELEGATE_TESTING_RANDOM_CONV_H_

#include <cstdint>
#include <vector>

#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// What a random pattern convolution for tests and benchmarks looks like.
struct RandomConvOptions {
  DataType type = DataType::kInt8;
  int kernel_side = 3;
  int filters = 16;
  int channels = 16;
  int group_size = 4;
  // Weights of the dense layer for each one kept; 2.25 keeps every 3x3 kernel.
  double compression = 8.0;
  int stride_height = 1;
  int stride_width = 1;
  Padding padding = Padding::kSame;
  Activation activation = Activation::kNone;
  bool bias = true;
  // Filters of a group are scattered over the output channels.
  bool scattered = true;
  // Groups keep different numbers of kernels.
  bool unbalanced = false;
  // int8 weights: Gaussian of this deviation, or only -128, -127 and 127.
  double deviation = 40.0;
  bool extreme_weights = false;
  // int8 outputs; 0 is one that fits the sums.
  float output_scale = 0.0f;
  uint32_t seed = 1;
};

// A convolution and what it borrows. Not copied: the description points here.
class RandomConv {
 public:
  explicit RandomConv(const RandomConvOptions& options);
  RandomConv(const RandomConv&) = delete;
  RandomConv& operator=(const RandomConv&) = delete;

  const ConvDescription& description() const { return description_; }
  PatternWeights& weights() { return weights_; }

 private:
  PatternWeights weights_;
  std::vector<int32_t> int32_bias_;
  std::vector<float> float_bias_;
  ConvDescription description_;
};

// What a random depthwise convolution looks like.
struct RandomDepthwiseOptions {
  DataType type = DataType::kInt8;
  int channels = 16;
  // Weights follow EightPatterns().
  bool patterns = false;
  int stride_height = 1;
  int stride_width = 1;
  Padding padding = Padding::kSame;
  Activation activation = Activation::kNone;
  bool bias = true;
  bool extreme_weights = false;
  uint32_t seed = 1;
};

// The same for depthwise convolutions.
class RandomDepthwise {
 public:
  explicit RandomDepthwise(const RandomDepthwiseOptions& options);
  RandomDepthwise(const RandomDepthwise&) = delete;
  RandomDepthwise& operator=(const RandomDepthwise&) = delete;

  const ConvDescription& description() const { return description_; }
  DepthwiseWeights& weights() { return weights_; }

 private:
  DepthwiseWeights weights_;
  std::vector<int32_t> int32_bias_;
  std::vector<float> float_bias_;
  ConvDescription description_;
};

// Random activations; many int8 values are extreme.
std::vector<int8_t> RandomInt8(size_t count, uint32_t seed);
std::vector<float> RandomFloat(size_t count, uint32_t seed);

// A pattern library: four T-shapes and four blocks of 2x2.
std::vector<uint16_t> EightPatterns();

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_RANDOM_CONV_H_
