#include "delegate/core/stem/cost.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/kernel_names.h"
#include "delegate/core/stem/stream.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core.
struct Rates {
  DataType type;
  uint32_t features;  // of the kernel
  // The dense convolution goes through the taps of a window, and through the
  // channels of each so many at once, whether there are as many or not.
  int dense_channels;
  double dense_product;  // of an output
  double dense_output;
  double dense_tap;  // of a pixel and up to 64 filters
  // The kernel.
  double step;    // of an output
  double output;  // its bias, requantisation, activation
  double input;   // an input value: its place in the rows
};

constexpr Rates kRates[] = {
    // AMD Zen 5, fitted with LiteRT 2.3's XNNPACK to 23 layers of 1 to 8
    // channels, with kernels of 1x1 to 16x16.
    {DataType::kInt8, kAvx2 | kAvx512 | kAvx512Vnni, 8, 0.00264, 0.066, 0.041,
     0.0085, 0.035, 0.053},
    {DataType::kFloat32, kAvx2 | kAvx512, 1, 0.0092, 0.020, 0.2, 0.0089, 0.020,
     0.097},
    // The same without AVX-512 and VNNI on either side.
    {DataType::kInt8, kAvx2, 8, 0.0232, 0.208, 0.0, 0.0209, 0.103, 0.005},
    {DataType::kFloat32, kAvx2, 1, 0.0188, 0.032, 0.022, 0.0177, 0.047, 0.0},
    // Its kernels without AVX-512, measured there; its dense ones at half rate.
    {DataType::kInt8, kAvx2 | kAvxVnni, 8, 0.0053, 0.132, 0.082, 0.0175, 0.093,
     0.009},
};

constexpr int kDenseFilters = 64;

// An output of the third block, which only kernels of AVX-512 have, costs this
// much more.
constexpr double kNarrow = 0.25;

// A node of the delegate costs this much more than one of XNNPACK.
constexpr double kCutNanoseconds = 1000;

double RoundUp(int count, int unit) {
  return double((count + unit - 1) / unit) * unit;
}

double DenseCost(const StemWeights& weights, const ActivationShape& output,
                 const Rates& rates) {
  const double pixels = double(output.batch) * output.height * output.width;
  const int taps = weights.kernel_height * weights.kernel_width;
  const double products =
      taps * RoundUp(weights.channels, rates.dense_channels);
  const double tiles = RoundUp(weights.filters, kDenseFilters) / kDenseFilters;
  return pixels * (weights.filters *
                       (products * rates.dense_product + rates.dense_output) +
                   taps * tiles * rates.dense_tap);
}

double KernelCost(const StemWeights& weights, const Geometry& geometry,
                  const StemKernel& kernel, const Rates& rates) {
  const double steps = weights.kernel_height * StemSteps(weights, kernel);
  const double output_cost = steps * rates.step + rates.output;
  const double rows = double(geometry.output.batch) * geometry.output.height;
  const StemBlockKernel& last = kernel.blocks[kStemBlocks - 1];
  double cost = 0;
  for (const StemBlock& block : StemBlocks(kernel, weights.filters)) {
    const double outputs =
        RoundUp(geometry.output.width, block.kernel->pixels) *
        block.kernel->filters;
    const double narrow = block.kernel == &last ? 1 + kNarrow : 1;
    cost += rows * outputs * output_cost * narrow;
  }
  const ActivationShape& input = geometry.input;
  return cost + double(input.batch) * input.height * input.width *
                    input.channels * rates.input;
}

}  // namespace

ConvCost StemCost(const ConvDescription& description, const Geometry& geometry,
                  uint32_t features) {
  const StemKernel* kernel = FastestKernel(
      StemKernels(description), features,
      [&](const StemKernel& entry) { return Fits(entry, description); });
  if (kernel == nullptr) return kReferenceCost;
  const auto rates = std::find_if(std::begin(kRates), std::end(kRates),
                                  [&](const Rates& entry) {
                                    return entry.type == description.type() &&
                                           entry.features == kernel->features;
                                  });
  if (rates == std::end(kRates)) return kReferenceCost;
  return {DenseCost(*description.stem, geometry.output, *rates),
          KernelCost(*description.stem, geometry, *kernel, *rates),
          kCutNanoseconds};
}

}  // namespace tf_pconv
