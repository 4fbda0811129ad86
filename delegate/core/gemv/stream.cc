#include "delegate/core/gemv/stream.h"

#include <algorithm>
#include <cstring>

#include "delegate/core/alignment.h"

namespace tf_pconv {
namespace {

size_t PlacesBytes(const GemvKernel& kernel, int channels, int kept) {
  const size_t blocks = (channels + kGemvBlock - 1) / kGemvBlock;
  return AlignUp(kernel.compress != nullptr ? blocks * sizeof(uint64_t)
                                            : kept * sizeof(uint16_t));
}

}  // namespace

GemvStream::GemvStream(const PatternWeights& weights, const GemvKernel& kernel)
    : bytes_(Place(weights, kernel)) {
  std::vector<Kept> kept;
  size_t value = 0;
  size_t placed = 0;
  for (int group = 0; group < weights.groups(); ++group) {
    const int filters = weights.FiltersOfGroup(group);
    kept.clear();
    for (uint32_t k = weights.group_begin[group];
         k < weights.group_begin[group + 1]; ++k, value += filters) {
      kept.push_back({weights.kernels[k].channel, value});
    }
    const auto precedes = [](const Kept& a, const Kept& b) {
      return a.channel < b.channel;
    };
    // As files of this library have them.
    if (!std::is_sorted(kept.begin(), kept.end(), precedes)) {
      std::sort(kept.begin(), kept.end(), precedes);
    }
    for (int first = 0; first < filters; first += kernel.group_size) {
      Fill(weights, kernel, kept, first,
           std::min(kernel.group_size, filters - first), groups_[placed++]);
    }
  }
}

size_t GemvStream::Place(const PatternWeights& weights,
                         const GemvKernel& kernel) {
  const int lanes = kernel.lanes, size = kernel.group_size;
  const size_t value_bytes = ElementBytes(weights.type);
  size_t bytes = 0;
  for (int group = 0; group < weights.groups(); ++group) {
    const int kept = static_cast<int>(weights.group_begin[group + 1] -
                                      weights.group_begin[group]);
    const int steps = (kept + lanes - 1) / lanes;
    most_steps_ = std::max(most_steps_, steps);
    const int filters = weights.FiltersOfGroup(group);
    for (int first = 0; first < filters; first += size) {
      for (int i = first; i < first + size; ++i) {
        filters_.push_back(
            i < filters ? weights.filter_order[group * weights.group_size + i]
                        : -1);
      }
      const size_t places = bytes;
      bytes += PlacesBytes(kernel, weights.channels, kept);
      groups_.push_back({places, bytes, kept, steps});
      bytes += AlignUp(size_t(steps) * lanes * size * value_bytes);
    }
  }
  return bytes;
}

void GemvStream::Fill(const PatternWeights& weights, const GemvKernel& kernel,
                      const std::vector<Kept>& kept, int first, int filters,
                      const Group& group) {
  const int lanes = kernel.lanes;
  auto* bits = reinterpret_cast<uint64_t*>(bytes_.data() + group.places);
  auto* indices = reinterpret_cast<uint16_t*>(bytes_.data() + group.places);
  for (size_t i = 0; i < kept.size(); ++i) {
    const int channel = kept[i].channel;
    if (kernel.compress != nullptr) {
      bits[channel / kGemvBlock] |= uint64_t{1} << channel % kGemvBlock;
    } else {
      indices[i] = static_cast<uint16_t>(channel);
    }
    const size_t place = i / lanes * lanes * kernel.group_size + i % lanes;
    for (int f = 0; f < filters; ++f) {
      const size_t from = kept[i].value + first + f;
      const size_t to = place + size_t(f) * lanes;
      if (weights.type == DataType::kInt8) {
        bytes_.data()[group.weights + to] =
            static_cast<uint8_t>(weights.int8_values[from]);
      } else {
        reinterpret_cast<float*>(bytes_.data() + group.weights)[to] =
            weights.float_values[from];
      }
    }
  }
}

}  // namespace tf_pconv
