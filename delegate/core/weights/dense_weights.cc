#include "delegate/core/weights/dense_weights.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace tf_pconv {

Status CheckDenseWeights(const DenseWeights& dense) {
  if (dense.values == nullptr || dense.filters < 1 || dense.channels < 1 ||
      dense.filters > kMaxChannels || dense.channels > kMaxChannels) {
    return Status::Error(
        "pattern weights have 1 to %d input and output channels, not %d and "
        "%d",
        kMaxChannels, dense.channels, dense.filters);
  }
  if (dense.type == DataType::kInt8) {
    if (dense.scales == nullptr) {
      return Status::Error("int8 weights have no scales");
    }
    return Status();
  }
  const float* values = static_cast<const float*>(dense.values);
  const int64_t count = int64_t{dense.filters} * dense.kernel_side *
                        dense.kernel_side * dense.channels;
  const bool finite = std::all_of(
      values, values + count, [](float value) { return std::isfinite(value); });
  if (!finite) return Status::Error("weights that are NaN or infinite");
  return Status();
}

PatternWeights DescribeDenseWeights(const DenseWeights& dense) {
  PatternWeights weights;
  weights.type = dense.type;
  weights.kernel_side = dense.kernel_side;
  weights.filters = dense.filters;
  weights.channels = dense.channels;
  if (dense.type == DataType::kInt8) {
    weights.scales.assign(dense.scales, dense.scales + dense.filters);
  }
  return weights;
}

}  // namespace tf_pconv
