#include "delegate/core/depthwise/cost.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/depthwise/stream.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/kernel_names.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core.
struct Rates {
  DataType type;
  uint32_t features;  // of the kernel
  // An input value and an output value, of the dense convolution and of the
  // kernel.
  double dense_input;
  double dense_output;
  double input;
  double output;
};

constexpr Rates kRates[] = {
    // AMD Zen 5, fitted to layers of MobileNet-V2 with LiteRT 2.3's XNNPACK.
    {DataType::kInt8, kAvx2 | kAvx512 | kAvx512Vnni, 0.0, 0.24, 0.017, 0.078},
    {DataType::kFloat32, kAvx2 | kAvx512, 0.03, 0.20, 0.05, 0.07},
    // The same without AVX-512 on either side.
    {DataType::kFloat32, kAvx2, 0.02, 0.35, 0.04, 0.18},
    // Its kernels without AVX-512, measured there; its dense ones at half rate.
    {DataType::kInt8, kAvx2 | kAvxVnni, 0.0, 0.48, 0.018, 0.152},
    {DataType::kInt8, kAvx2, 0.0, 0.48, 0.018, 0.260},
};

// A block of half as many channels costs this much more an output.
constexpr double kHalving = 0.3;

// A node of the delegate costs this much more than one of XNNPACK.
constexpr double kCutNanoseconds = 300;

// Channels that are computed: of blocks, those of narrow ones weighted by their
// cost; or of whole vectors.
double WeightedChannels(const DepthwiseKernel& kernel, int channels) {
  double weighted = 0;
  for (const DepthwiseBlock& block : DepthwiseBlocks(kernel, channels)) {
    weighted +=
        (kernel.channels >> block.halvings) * (1 + kHalving * block.halvings);
  }
  return weighted;
}
double WeightedChannels(const FloatDepthwiseKernel& kernel, int channels) {
  return (channels + kernel.channels - 1) / kernel.channels * kernel.channels;
}

double Pixels(const ActivationShape& shape) {
  return double(shape.batch) * shape.height * shape.width;
}

template <typename Kernel>
ConvCost Predict(const ConvDescription& description, const Geometry& geometry,
                 const Kernel* const* table, uint32_t features) {
  const Kernel* kernel = FastestKernel(
      table, features,
      [&](const Kernel& entry) { return Fits(entry, description); });
  if (kernel == nullptr) return kReferenceCost;
  const auto rates = std::find_if(std::begin(kRates), std::end(kRates),
                                  [&](const Rates& entry) {
                                    return entry.type == description.type() &&
                                           entry.features == kernel->features;
                                  });
  if (rates == std::end(kRates)) return kReferenceCost;
  const int channels = description.channels();
  const double inputs = Pixels(geometry.input) * channels;
  const double outputs = Pixels(geometry.output);
  return {
      inputs * rates->dense_input + outputs * channels * rates->dense_output,
      inputs * rates->input +
          outputs * WeightedChannels(*kernel, channels) * rates->output,
      kCutNanoseconds};
}

}  // namespace

ConvCost DepthwiseCost(const ConvDescription& description,
                       const Geometry& geometry, uint32_t features) {
  return description.type() == DataType::kInt8
             ? Predict(description, geometry, native::kDepthwiseKernels,
                       features)
             : Predict(description, geometry, native::kFloatDepthwiseKernels,
                       features);
}

}  // namespace tf_pconv
