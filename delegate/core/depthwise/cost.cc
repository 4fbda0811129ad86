#include "delegate/core/depthwise/cost.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/depthwise/stream.h"
#include "delegate/core/kernel_choice.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core.
struct Rates {
  uint32_t features;  // of the kernel
  double dense;       // an output value of the dense convolution
  // Of the kernel: an input value and an output value.
  double input;
  double output;
};

constexpr Rates kRates[] = {
    // AMD Zen 5, fitted to layers of MobileNet-V2 with LiteRT 2.3's XNNPACK.
    {kAvx2 | kAvx512 | kAvx512Vnni, 0.24, 0.017, 0.078},
    // Its kernels without AVX-512, measured there; its dense ones at half rate.
    {kAvx2 | kAvxVnni, 0.48, 0.018, 0.152},
    {kAvx2, 0.48, 0.018, 0.260},
};

// A block of half as many channels costs this much more an output.
constexpr double kHalving = 0.3;

// A node of the delegate costs this much more than one of XNNPACK.
constexpr double kCallNanoseconds = 300;

// Channels that blocks compute, those of narrow blocks weighted by their cost.
double WeightedChannels(const DepthwiseKernel& kernel, int channels) {
  double weighted = 0;
  for (const DepthwiseBlock& block : DepthwiseBlocks(kernel, channels)) {
    weighted +=
        (kernel.channels >> block.halvings) * (1 + kHalving * block.halvings);
  }
  return weighted;
}

}  // namespace

ConvCost DepthwiseCost(const DepthwiseWeights& weights,
                       const Geometry& geometry, uint32_t features) {
  if (weights.type != DataType::kInt8 ||
      weights.channels < kDepthwiseLeastChannels) {
    return kReferenceCost;
  }
  const DepthwiseKernel* kernel =
      FastestKernel(native::kDepthwiseKernels, features);
  if (kernel == nullptr) return kReferenceCost;
  const auto rates = std::find_if(std::begin(kRates), std::end(kRates),
                                  [kernel](const Rates& entry) {
                                    return entry.features == kernel->features;
                                  });
  if (rates == std::end(kRates)) return kReferenceCost;

  const auto pixels = [](const ActivationShape& shape) {
    return double(shape.batch) * shape.height * shape.width;
  };
  const double outputs = pixels(geometry.output);
  const double dense = outputs * weights.channels * rates->dense;
  const double interleaved =
      outputs * WeightedChannels(*kernel, weights.channels) * rates->output +
      pixels(geometry.input) * weights.channels * rates->input +
      kCallNanoseconds;
  return {dense, interleaved};
}

}  // namespace tf_pconv
