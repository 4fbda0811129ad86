#include "delegate/core/pointwise_cost.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pointwise_kernel_table.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core.
struct Rates {
  uint32_t features;  // of the kernel
  // Of the dense convolution: a multiply-add, an output value, a pixel.
  double dense_product;
  double dense_output;
  double dense_pixel;
  // Of the kernel: a channel of a group at a pixel (loads and interleaving) and
  // the product of each filter; an input value, an output value, a pixel.
  double shared;
  double product;
  double input;
  double output;
  double pixel;
};

constexpr Rates kRates[] = {
    // AMD Zen 5, fitted to layers of ResNet-50 and MobileNet-V2 with LiteRT
    // 2.3's XNNPACK, within a tenth of most of them.
    {kAvx2 | kAvx512 | kAvx512Vnni, 0.00203, 0.061, 2.65, 0.0037, 0.0016,
     0.0224, 0.096, 0.4},
    // Its kernels without AVX-512, measured there; its dense ones at half rate.
    {kAvx2 | kAvxVnni, 0.0041, 0.12, 2.65, 0.0034, 0.0038, 0.033, 0.20, 0.4},
    // The same without dot products; dense as on AMD Zen 3, where all of this
    // takes about half as long again.
    {kAvx2, 0.0200, 0.12, 4.0, 0.0055, 0.0090, 0.05, 0.30, 0.6},
};

// A node of the delegate costs this much more than one of XNNPACK.
constexpr double kCallNanoseconds = 300;

// Where no kernel can run, the reference is slower than any dense convolution.
constexpr double kReferenceSpeedup = 0.1;

// Channels of groups of the kernel, all together.
double GroupChannels(const PatternWeights& weights, int group_size) {
  double channels = 0;
  for (int group = 0; group < weights.groups(); ++group) {
    const int filters = weights.FiltersOfGroup(group);
    channels +=
        double(weights.group_begin[group + 1] - weights.group_begin[group]) *
        ((filters + group_size - 1) / group_size);
  }
  return channels;
}

}  // namespace

double PredictPointwiseSpeedup(const PatternWeights& weights,
                               const Geometry& geometry, uint32_t features) {
  // There are no kernels for float32 yet.
  if (weights.type != DataType::kInt8) return kReferenceSpeedup;
  const auto kernels =
      FastestKernels(native::kPointwiseKernels, features, weights.group_size);
  if (kernels.empty()) return kReferenceSpeedup;
  const PointwiseKernel& kernel = *kernels.front();
  const auto rates = std::find_if(std::begin(kRates), std::end(kRates),
                                  [&kernel](const Rates& entry) {
                                    return entry.features == kernel.features;
                                  });
  if (rates == std::end(kRates)) return kReferenceSpeedup;

  const ActivationShape& output = geometry.output;
  const double pixels = double(output.batch) * output.height * output.width;
  // Tiles are filled up; a small one takes half as long as a large one.
  const int tile = std::max(kernels.back()->pixels, kernel.pixels / 2);
  const double computed = std::ceil(pixels / tile) * tile;
  const double inputs = pixels * weights.channels;
  const double outputs = pixels * weights.filters;
  const double dense = inputs * weights.filters * rates->dense_product +
                       outputs * rates->dense_output +
                       pixels * rates->dense_pixel;
  const double sparse =
      computed * GroupChannels(weights, kernel.group_size) *
          (rates->shared + rates->product * kernel.group_size) +
      inputs * rates->input + outputs * rates->output + pixels * rates->pixel +
      kCallNanoseconds;
  return dense / sparse;
}

}  // namespace tf_pconv
