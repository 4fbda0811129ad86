#include "delegate/core/pointwise/cost.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/gemv/cost.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pointwise/conv.h"
#include "delegate/core/pointwise/kernel_table.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core.
struct Rates {
  DataType type;
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
  // Of the largest tile's products, what the smaller ones cost too: int8
  // kernels load whole planes for any tile.
  double fixed_share;
};

constexpr Rates kRates[] = {
    // AMD Zen 5, fitted to layers of ResNet-50 and MobileNet-V2 with LiteRT
    // 2.3's XNNPACK, within 15 % of all of them.
    {DataType::kInt8, kAvx2 | kAvx512 | kAvx512Vnni, 0.00206, 0.063, 2.8,
     0.0038, 0.0016, 0.014, 0.064, 1.4, 0.5},
    {DataType::kFloat32, kAvx2 | kAvx512, 0.0078, 0.0, 11.0, 0.0079, 0.0067,
     0.074, 0.084, 0.6, 0.0},
    // Its kernels without AVX-512, measured there; its dense ones at half rate.
    {DataType::kInt8, kAvx2 | kAvxVnni, 0.0041, 0.12, 2.65, 0.0034, 0.0038,
     0.033, 0.20, 0.4, 0.5},
    {DataType::kFloat32, kAvx2, 0.0156, 0.0, 11.0, 0.0081, 0.0136, 0.077, 0.105,
     0.0, 0.0},
    // The same without dot products; dense as on AMD Zen 3, where all of this
    // takes about half as long again.
    {DataType::kInt8, kAvx2, 0.0200, 0.12, 4.0, 0.0055, 0.0090, 0.05, 0.30, 0.6,
     0.5},
};

// A node of the delegate costs this much more than one of XNNPACK: the graph is
// cut before and behind it.
constexpr double kCutNanoseconds = 2000;

// Weights that no second cache holds are read once more for each tile.
constexpr double kNearWeights = 1 << 20;
constexpr double kFarWeight = 0.02;  // nanoseconds a byte

// A byte of weights that many pixels do not share.
constexpr double kNearWeight = 0.0115;

double FarBytes(double weight_bytes) {
  return std::max(0.0, weight_bytes - kNearWeights);
}

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

// What is computed for an image.
struct Tiles {
  double count;
  double pixels;  // tiles are filled up
};

// As the convolutions cut images: into largest tiles, and the smallest that
// holds the rest.
template <typename Kernel>
Tiles CutIntoTiles(int64_t pixels, const std::vector<const Kernel*>& kernels,
                   double fixed_share) {
  const int largest = kernels.front()->pixels;
  const int64_t whole = pixels / largest;
  const int64_t rest = pixels - whole * largest;
  Tiles tiles = {double(whole), double(whole) * largest};
  if (rest == 0) return tiles;
  int last = largest;
  for (const Kernel* kernel : kernels) {
    if (kernel->pixels >= rest) last = kernel->pixels;
  }
  return {tiles.count + 1,
          tiles.pixels + last + fixed_share * (largest - last)};
}

// Of tiles, in nanoseconds.
template <typename Kernel>
double PredictTiles(const PatternWeights& weights, int64_t pixels,
                    const std::vector<const Kernel*>& kernels,
                    const Rates& rates) {
  const Kernel& kernel = *kernels.front();
  const Tiles tiles = CutIntoTiles(pixels, kernels, rates.fixed_share);
  const double channels = GroupChannels(weights, kernel.group_size);
  // Of a channel its offset, and a weight for each filter.
  const double bytes =
      channels *
      (sizeof(uint32_t) + ElementBytes(weights.type) * kernel.group_size);
  return tiles.pixels * channels *
             (rates.shared + rates.product * kernel.group_size) +
         tiles.count * FarBytes(bytes) * kFarWeight +
         double(pixels) * (weights.channels * rates.input +
                           weights.filters * rates.output + rates.pixel);
}

double PredictDense(const PatternWeights& weights, int64_t pixels,
                    const Rates& rates) {
  const double products =
      double(pixels) *
      (double(weights.channels) * weights.filters * rates.dense_product +
       weights.filters * rates.dense_output + rates.dense_pixel);
  // Few pixels wait for the weights.
  const double bytes =
      double(weights.channels) * weights.filters * ElementBytes(weights.type);
  return std::max(products, bytes * kNearWeight + FarBytes(bytes) * kFarWeight);
}

template <typename Kernel>
ConvCost Predict(const PatternWeights& weights, const Geometry& geometry,
                 const Kernel* const* table, uint32_t features) {
  const auto kernels = FastestKernels(table, features, weights.group_size);
  if (kernels.empty()) return kReferenceCost;
  const auto rates = std::find_if(
      std::begin(kRates), std::end(kRates), [&](const Rates& entry) {
        return entry.type == weights.type &&
               entry.features == kernels.front()->features;
      });
  if (rates == std::end(kRates)) return kReferenceCost;
  const ActivationShape& output = geometry.output;
  const int64_t pixels = int64_t{output.batch} * output.height * output.width;
  double sparse;
  if (pixels <= FewPixels(weights.type)) {
    double bytes;
    sparse = PredictGemv(weights, pixels, features, &bytes);
    sparse += FarBytes(bytes) * kFarWeight;
  } else {
    sparse = PredictTiles(weights, pixels, kernels, *rates);
  }
  return {PredictDense(weights, pixels, *rates), sparse, kCutNanoseconds};
}

}  // namespace

ConvCost PointwiseCost(const PatternWeights& weights, const Geometry& geometry,
                       uint32_t features) {
  return weights.type == DataType::kInt8
             ? Predict(weights, geometry, native::kPointwiseKernels, features)
             : Predict(weights, geometry, native::kFloatPointwiseKernels,
                       features);
}

}  // namespace tf_pconv
