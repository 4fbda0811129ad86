#ifndef TF_PCONV_DELEGATE_TESTING_RANDOM_CONV_H_
#define TF_PCONV_DELEGATE_TESTING_RANDOM_CONV_H_

#include <cstdint>
#include <vector>

#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// What a random convolution for tests and benchmarks looks like.
struct RandomConvOptions {
  DataType type = DataType::kInt8;
  int kernel_side = 3;
  int kernel_width = 0;  // of stems; 0 is kernel_side
  // Of depthwise ones: the filters are the channels and have no groups, and
  // their 3x3 weights follow patterns where there is any compression.
  bool depthwise = false;
  // Of stems: dense, with kernels of any size and without filter groups.
  bool stem = false;
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
  // Patterns of any four taps, instead of EightPatterns().
  bool any_patterns = false;
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

  // Those that the description points to can be changed.
  PatternWeights& weights() { return weights_; }
  DepthwiseWeights& depthwise_weights() { return depthwise_weights_; }
  StemWeights& stem_weights() { return stem_weights_; }

 private:
  PatternWeights weights_;
  DepthwiseWeights depthwise_weights_;
  StemWeights stem_weights_;
  std::vector<int32_t> int32_bias_;
  std::vector<float> float_bias_;
  ConvDescription description_;
};

// Random activations; many int8 values are extreme.
std::vector<int8_t> RandomInt8(size_t count, uint32_t seed);
std::vector<float> RandomFloat(size_t count, uint32_t seed);

// Options of a depthwise convolution that is not pruned.
RandomConvOptions DenseDepthwise(int kernel_side = kKernelSide);

// Options of a stem of three channels, with 3x3 kernels and filters as other
// convolutions have.
RandomConvOptions Stem();

// A pattern library: four T-shapes and four blocks of 2x2.
std::vector<uint16_t> EightPatterns();

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_RANDOM_CONV_H_
