#include "delegate/core/depthwise/cost.h"

#include <cstdint>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/depthwise/stream.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/kernel_names.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core for each input value and each output value. AMD Zen
// 5, fitted to layers of MobileNet-V2 (3x3), MobileNet-V3 and EfficientNet-B0
// (5x5) with LiteRT 2.3's XNNPACK; without AVX-512, on either side of it.
struct Rates {
  DataType type;
  int side;
  uint32_t features;  // of the kernel; of XNNPACK, those that it makes use of
  double input;
  double output;
};

// Of XNNPACK; the best comes last.
constexpr Rates kDenseRates[] = {
    {DataType::kInt8, 3, kAvx2, 0.0, 0.40},
    {DataType::kInt8, 3, kAvx2 | kAvx512, 0.0, 0.24},
    {DataType::kInt8, 5, kAvx2, 0.03, 0.96},
    {DataType::kInt8, 5, kAvx2 | kAvx512, 0.03, 0.57},
    {DataType::kFloat32, 3, kAvx2, 0.02, 0.35},
    {DataType::kFloat32, 3, kAvx2 | kAvx512, 0.03, 0.20},
    {DataType::kFloat32, 5, kAvx2, 0.02, 1.26},
    {DataType::kFloat32, 5, kAvx2 | kAvx512, 0.08, 0.90},
};

// Of each kernel.
constexpr Rates kRates[] = {
    {DataType::kInt8, 3, kAvx2, 0.018, 0.260},
    {DataType::kInt8, 3, kAvx2 | kAvxVnni, 0.018, 0.152},
    {DataType::kInt8, 3, kAvx2 | kAvx512 | kAvx512Vnni, 0.017, 0.078},
    {DataType::kInt8, 5, kAvx2, 0.049, 0.605},
    {DataType::kInt8, 5, kAvx2 | kAvxVnni, 0.017, 0.310},
    {DataType::kInt8, 5, kAvx2 | kAvx512 | kAvx512Vnni, 0.015, 0.200},
    {DataType::kFloat32, 3, kAvx2, 0.04, 0.18},
    {DataType::kFloat32, 3, kAvx2 | kAvx512, 0.05, 0.07},
    {DataType::kFloat32, 5, kAvx2, 0.04, 0.52},
    {DataType::kFloat32, 5, kAvx2 | kAvx512, 0.035, 0.225},
};

// A block of half as many channels costs this much more an output.
constexpr double kHalving = 0.3;

// A node of the delegate costs this much more than one of XNNPACK.
constexpr double kCutNanoseconds = 300;

// The smallest multiple of `unit` that is not below.
int RoundUp(int channels, int unit) {
  return (channels + unit - 1) / unit * unit;
}

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
  return RoundUp(channels, kernel.channels);
}

// Channels that XNNPACK computes: of float32, whole vectors.
double DenseChannels(DataType type, uint32_t features, int channels) {
  if (type == DataType::kInt8) return channels;
  return RoundUp(channels, features & kAvx512 ? 16 : 8);
}

double Pixels(const ActivationShape& shape) {
  return double(shape.batch) * shape.height * shape.width;
}

bool IsFor(const Rates& rates, const ConvDescription& description) {
  return rates.type == description.type() &&
         rates.side == description.kernel_height();
}

template <typename Kernel>
ConvCost Predict(const ConvDescription& description, const Geometry& geometry,
                 const Kernel* const* table, uint32_t features) {
  const Kernel* kernel = FastestKernel(
      table, features,
      [&](const Kernel& entry) { return Fits(entry, description); });
  if (kernel == nullptr) return kReferenceCost;
  const Rates* rates = nullptr;
  for (const Rates& entry : kRates) {
    if (IsFor(entry, description) && entry.features == kernel->features) {
      rates = &entry;
    }
  }
  const Rates* dense = nullptr;
  for (const Rates& entry : kDenseRates) {
    if (IsFor(entry, description) && CanRun(entry, features)) dense = &entry;
  }
  if (rates == nullptr || dense == nullptr) return kReferenceCost;
  const int channels = description.channels();
  const double inputs = Pixels(geometry.input) * channels;
  const double outputs = Pixels(geometry.output);
  return {inputs * dense->input +
              outputs * DenseChannels(description.type(), features, channels) *
                  dense->output,
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
