#include "delegate/core/gemv/cost.h"

#include <vector>

#include "delegate/core/gemv/kernel_table.h"
#include "delegate/core/kernel_choice.h"

namespace tf_pconv {
namespace {

// Nanoseconds on one core of AMD Zen 5, fitted to layers of 256 to 25,088
// channels.
constexpr double kGroup = 25.0;    // calls, and sums of lanes
constexpr double kBlock = 1.55;    // 64 channels, compressed
constexpr double kIndexed = 0.62;  // a channel, by index
constexpr double kByte = 0.003;    // of weights
constexpr double kOutput = 1.5;

}  // namespace

double PredictGemv(const PatternWeights& weights, int64_t pixels,
                   uint32_t features, double* bytes) {
  const bool is_int8 = weights.type == DataType::kInt8;
  const auto kernels =
      FastestKernels(is_int8 ? native::kGemvKernels : native::kFloatGemvKernels,
                     features, weights.group_size);
  if (kernels.empty()) return -1.0;
  const GemvKernel& kernel = *kernels.front();
  double groups = 0.0;
  double channels = 0.0;  // kept by all groups
  for (int group = 0; group < weights.groups(); ++group) {
    const int runs = (weights.FiltersOfGroup(group) + kernel.group_size - 1) /
                     kernel.group_size;
    groups += runs;
    channels +=
        double(weights.group_begin[group + 1] - weights.group_begin[group]) *
        runs;
  }
  const double weight_bytes =
      channels * kernel.group_size * (is_int8 ? sizeof(int8_t) : sizeof(float));
  double place_bytes = channels * sizeof(uint16_t);
  double gathering = channels * kIndexed;
  if (kernel.compress != nullptr) {
    const double blocks = groups * weights.channels / kGemvBlock;
    place_bytes = blocks * sizeof(uint64_t);
    gathering = blocks * kBlock;
  }
  *bytes = weight_bytes + place_bytes;
  return double(pixels) * (groups * kGroup + gathering + weight_bytes * kByte +
                           weights.filters * kOutput);
}

}  // namespace tf_pconv
