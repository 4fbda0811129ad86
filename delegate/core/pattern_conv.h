#ifndef TF_PCONV_DELEGATE_CORE_PATTERN_CONV_H_
#define TF_PCONV_DELEGATE_CORE_PATTERN_CONV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "delegate/core/cost.h"
#include "delegate/core/depthwise/weights.h"
#include "delegate/core/operator.h"
#include "delegate/core/quantization.h"
#include "delegate/core/status.h"
#include "delegate/core/stem/weights.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

enum class Padding : uint8_t { kSame, kValid };
enum class Activation : uint8_t { kNone, kRelu, kReluN1To1, kRelu6 };

// What a convolution computes. Borrowed pointers need to live only until
// PatternConv::Create returns.
struct ConvDescription {
  // One of the three.
  const PatternWeights* weights = nullptr;
  const DepthwiseWeights* depthwise = nullptr;
  const StemWeights* stem = nullptr;
  int stride_height = 1;
  int stride_width = 1;
  Padding padding = Padding::kSame;
  Activation activation = Activation::kNone;
  // One value an output channel, or null.
  const float* float_bias = nullptr;
  const int32_t* int32_bias = nullptr;  // in units of input scale * scales[i]
  // int8 only.
  Quantization input;
  Quantization output;
  // As TFLite does in CONV_2D, not in FULLY_CONNECTED; see output_stage.h.
  bool rounds_twice = true;

  // What all kinds of weights have.
  const ConvWeights& any_weights() const {
    if (weights != nullptr) return *weights;
    if (depthwise != nullptr) return *depthwise;
    return *stem;
  }
  DataType type() const { return any_weights().type; }
  int channels() const { return any_weights().channels; }
  const std::vector<float>& scales() const { return any_weights().scales; }
  int filters() const {
    if (depthwise != nullptr) return depthwise->channels;
    return stem ? stem->filters : weights->filters;
  }
  int kernel_height() const {
    if (depthwise != nullptr) return depthwise->kernel_side;
    return stem ? stem->kernel_height : weights->kernel_side;
  }
  int kernel_width() const {
    return stem ? stem->kernel_width : kernel_height();
  }
};

inline constexpr size_t kMaxKernelName = 63;  // characters

// How a convolution is computed, as far as its speed depends on it: data that a
// tuner finds by measuring. The library chooses what is left null, empty or 0.
struct ConvTuning {
  // Kernel to use; where kernels of one convolution take turns, that of the
  // largest tile, with those of smaller tiles for what is left of an image.
  const char* kernel = nullptr;
  // Inputs of a tile that one block of channels takes: they stay in cache while
  // all filters read them.
  int block_bytes = 0;
};

// Whether a kernel is named.
inline bool IsSet(const char* kernel) {
  return kernel != nullptr && kernel[0] != '\0';
}

struct PatternConvOptions {
  // The only kernel to use; null or empty chooses the fastest that this
  // processor can run. An unknown or unusable name is an error.
  const char* kernel = nullptr;
  ConvTuning tuning;  // its kernel gives way to that above
};

// A convolution packed for this processor: one whose weights follow patterns, a
// depthwise one, or a stem.
class PatternConv : public Operator {
 public:
  // Returns null and sets `status` where the description is malformed or no
  // kernel can run it.
  static std::unique_ptr<PatternConv> Create(const ConvDescription& description,
                                             const PatternConvOptions& options,
                                             Status* status);

  // Computes the whole output.
  void Run(const void* input, void* output, void* workspace,
           ThreadPool* pool) const {
    RunRows(&input, output, {0, output_shape().height}, workspace, pool,
            nullptr);
  }
};

// What it is expected to take on this processor; of a convolution that cannot
// run, for ever.
ConvCost PredictCost(const ConvDescription& description,
                     const ActivationShape& input);

// How many times faster than dense it is expected to be at least, on any of
// today's processors, whichever this is: what a file that is to run on all of
// them has to go by.
double PredictLeastSpeedup(const ConvDescription& description,
                           const ActivationShape& input);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_PATTERN_CONV_H_
