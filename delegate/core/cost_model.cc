#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "delegate/core/cost.h"
#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/cost.h"
#include "delegate/core/description.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/geometry.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/int8/patch.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/pointwise/cost.h"
#include "delegate/core/stem/cost.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core, fitted to measurements of VGG-16's layers
// (kernel_benchmark) and of LiteRT 2.3's XNNPACK on the same core. Ratios hold
// on other processors of the same instruction set; absolute times do not.
struct Rates {
  DataType type;
  uint32_t features;  // of the kernel
  double dense;       // a multiply-add of the dense convolution
  double shared;      // a group kernel at a pixel: loads and shuffles
  double filter;      // and for each filter of the group: its products
  double input;       // an input value: layout
  double output;      // an output value: layout, bias, activation
};

constexpr uint32_t kAvx512VnniKernel = kAvx2 | kAvx512 | kAvx512Vnni;
constexpr Rates kRates[] = {
    // AMD Zen 5.
    {DataType::kInt8, kAvx512VnniKernel, 0.00184, 0.0095, 0.0065, 0.09, 0.05},
    {DataType::kInt8, kAvx512VnniKernel | kAvx512Vbmi, 0.00184, 0.008, 0.0065,
     0.045, 0.045},
    {DataType::kInt8, kAvx2 | kAvxVnni, 0.0037, 0.011, 0.015, 0.12, 0.08},
    {DataType::kFloat32, kAvx2 | kAvx512, 0.0077, 0.014, 0.029, 0.27, 0.27},
    // AMD Zen 3, fitted to prototypes of the same methods.
    {DataType::kInt8, kAvx2, 0.0200, 0.019, 0.034, 0.30, 0.24},
    {DataType::kFloat32, kAvx2, 0.0212, 0.041, 0.120, 0.60, 0.60},
};

// An output pixel costs this much whatever its channels: where its inputs and
// outputs lie has to be found.
constexpr double kPixelNanoseconds = 2.5;

// A node of the delegate costs this much more than one of XNNPACK.
constexpr double kCutNanoseconds = 500;

// Threads of the delegate, and then of the runtime, wake up where the graph
// goes from one to the other, and leave their cores idle meanwhile, or hold
// those that the others need while they wait for work. Fitted to the stem and
// the first depthwise convolution of a dense MobileNet-V2, on two threads of a
// virtual machine with two processors.
constexpr double kWakeNanoseconds = 100000;

// A byte of weights: what other layers of a network read leaves no room for
// them in a cache, so that they come from memory at each inference.
constexpr double kWeightByteNanoseconds = 0.02;

// Group kernels of the layer, counted once for each run of the kernel that its
// filters need.
template <typename Kernel>
double KernelRuns(const PatternWeights& weights, const Kernel& kernel) {
  double runs = 0;
  for (int group = 0; group < weights.groups(); ++group) {
    const int filters = weights.FiltersOfGroup(group);
    runs +=
        double(weights.group_begin[group + 1] - weights.group_begin[group]) *
        ((filters + kernel.group_size - 1) / kernel.group_size);
  }
  return runs;
}

double Pixels(const ActivationShape& shape) {
  return double(shape.batch) * shape.height * shape.width;
}

// Outputs that a kernel computes: whole tiles.
template <typename Kernel>
double ComputedPixels(const Kernel& kernel, const ActivationShape& output) {
  return std::ceil(Pixels(output) / kernel.pixels) * kernel.pixels;
}
double ComputedPixels(const Int8Kernel& kernel, const ActivationShape& output) {
  const int tile = kernel.pixels / (kernel.block.rows * kernel.block.columns);
  return std::ceil(double(BlocksOf(output, kernel.block)) / tile) *
         kernel.pixels;
}

template <typename Kernel>
ConvCost PredictKernel(const PatternWeights& weights, const Geometry& geometry,
                       const Kernel& kernel) {
  const Rates* rates = nullptr;
  for (const Rates& entry : kRates) {
    if (entry.type == weights.type && entry.features == kernel.features) {
      rates = &entry;
    }
  }
  if (rates == nullptr) return kReferenceCost;
  const double outputs = Pixels(geometry.output);
  const double dense_weights =
      double(weights.filters) * weights.channels * kKernelTaps;
  const double weight_bytes = weights.type == DataType::kInt8 ? 1 : 4;
  const double dense =
      dense_weights *
      std::max(outputs * rates->dense, weight_bytes * kWeightByteNanoseconds);
  const double pattern =
      ComputedPixels(kernel, geometry.output) * KernelRuns(weights, kernel) *
          (rates->shared + rates->filter * kernel.group_size) +
      Pixels(geometry.input) * weights.channels * rates->input +
      outputs * (weights.filters * rates->output + kPixelNanoseconds);
  return {dense, pattern, kCutNanoseconds};
}

// The best of the kernels: in large outputs all tiles are as good, in small
// ones the smaller.
template <typename Kernel>
ConvCost Predict(const PatternWeights& weights, const Geometry& geometry,
                 const std::vector<const Kernel*>& kernels) {
  if (kernels.empty()) return kReferenceCost;
  ConvCost best = PredictKernel(weights, geometry, *kernels.front());
  for (const Kernel* kernel : kernels) {
    const ConvCost cost = PredictKernel(weights, geometry, *kernel);
    if (cost.speedup() > best.speedup()) best = cost;
  }
  return best;
}

ConvCost PredictInt8(const PatternWeights& weights, const Geometry& geometry,
                     uint32_t features) {
  std::vector<const Int8Kernel*> kernels =
      FastestInt8Kernels(native::kInt8Kernels, features, weights.group_size);
  kernels.erase(std::remove_if(kernels.begin(), kernels.end(),
                               [&](const Int8Kernel* kernel) {
                                 return !RunsStrides(*kernel,
                                                     geometry.stride_height,
                                                     geometry.stride_width);
                               }),
                kernels.end());
  return Predict(weights, geometry, kernels);
}

// The cost of a convolution that can run on a processor with these features.
ConvCost CostOn(uint32_t features, const ConvDescription& description,
                const Geometry& geometry) {
  if (description.depthwise != nullptr) {
    return DepthwiseCost(description, geometry, features);
  }
  if (description.stem != nullptr) {
    return StemCost(description, geometry, features);
  }
  const PatternWeights& weights = *description.weights;
  if (weights.kernel_side == 1) {
    return PointwiseCost(weights, geometry, features);
  }
  return weights.type == DataType::kInt8
             ? PredictInt8(weights, geometry, features)
             : Predict(weights, geometry,
                       FastestKernels(native::kFloatKernels, features,
                                      weights.group_size));
}

// Predicts for a processor with these features.
ConvCost PredictOn(uint32_t features, const ConvDescription& description,
                   const ActivationShape& input) {
  Geometry geometry;
  if (!CheckDescription(description).ok() ||
      !ComputeGeometry(WindowsOf(description), input, &geometry).ok()) {
    return kReferenceCost;
  }
  if (!HalvesFitInt32(description)) return kReferenceCost;
  return CostOn(features, description, geometry);
}

// The processors that files are made for.
constexpr uint32_t kProcessors[] = {
    kAvx2,                           // AMD Zen 2 and 3, Intel up to Skylake
    kAvx2 | kAvxVnni,                // Intel from Alder Lake
    kAvx2 | kAvx512 | kAvx512Vnni};  // AMD Zen 4 and 5, Intel's servers

}  // namespace

ConvCost PredictCost(const ConvDescription& description,
                     const ActivationShape& input) {
  return PredictOn(CpuFeatures(), description, input);
}

double WakingNanoseconds(int threads) {
  return threads == 1 ? 0.0 : threads * kWakeNanoseconds;
}

double LeastWakingNanoseconds(int threads) {
  // As where threads that sleep wake up, and hold no processor.
  return WakingNanoseconds(threads) / 4;
}

double PredictLeastSpeedup(const ConvDescription& description,
                           const ActivationShape& input) {
  double least = std::numeric_limits<double>::infinity();
  for (const uint32_t features : kProcessors) {
    least = std::min(least, PredictOn(features, description, input).speedup());
  }
  return least;
}

}  // namespace tf_pconv
