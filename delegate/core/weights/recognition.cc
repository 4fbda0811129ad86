#include "delegate/core/weights/recognition.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

namespace tf_pconv {
namespace {

constexpr int kMasks = 1 << kKernelTaps;
constexpr std::array<int, 5> kGroupSizes = {16, 8, 4, 2, 1};
// Groups may store this many per cent more kernels than single filters would.
constexpr int64_t kGroupOverheadPercent = 10;

constexpr std::array<uint8_t, kMasks> MakeBitCounts() {
  std::array<uint8_t, kMasks> counts{};
  for (int mask = 1; mask < kMasks; ++mask) {
    counts[mask] = static_cast<uint8_t>((mask & 1) + counts[mask / 2]);
  }
  return counts;
}

// A table, because not every x86-64 processor counts bits.
constexpr std::array<uint8_t, kMasks> kBitCounts = MakeBitCounts();

int CountBits(int mask) { return kBitCounts[mask]; }

// The non-zero weights of every kernel, one 9-bit mask each.
class LayerMasks {
 public:
  template <typename T>
  LayerMasks(const T* values, int filters, int channels)
      : channels_(channels),
        masks_(static_cast<size_t>(filters) * channels),
        weights_(filters) {
    for (int f = 0; f < filters; ++f) {
      for (int tap = 0; tap < kKernelTaps; ++tap) {
        for (int c = 0; c < channels; ++c, ++values) {
          if (*values != 0) mask(f, c) |= 1 << tap;
        }
      }
      const uint16_t* masks = of_filter(f);
      weights_[f] = std::accumulate(
          masks, masks + channels, int64_t{0},
          [](int64_t sum, uint16_t m) { return sum + CountBits(m); });
    }
  }

  int filters() const { return static_cast<int>(weights_.size()); }
  int channels() const { return channels_; }
  const uint16_t* of_filter(int filter) const {
    return masks_.data() + static_cast<size_t>(filter) * channels_;
  }
  // Non-zero weights of a filter.
  int64_t weights(int filter) const { return weights_[filter]; }

 private:
  uint16_t& mask(int filter, int channel) {
    return masks_[static_cast<size_t>(filter) * channels_ + channel];
  }

  int channels_;
  std::vector<uint16_t> masks_;
  std::vector<int64_t> weights_;
};

// Filters that share a mask which covers the non-zeros of each of them.
struct Cluster {
  std::vector<int> filters;
  std::vector<uint16_t> masks;  // one a channel
};

bool Covers(const Cluster& cluster, const uint16_t* masks) {
  for (size_t c = 0; c < cluster.masks.size(); ++c) {
    if (CountBits(cluster.masks[c] | masks[c]) > kPatternEntries) return false;
  }
  return true;
}

// Weights in which the cluster's mask and that of a filter differ.
int Difference(const Cluster& cluster, const uint16_t* masks) {
  int difference = 0;
  for (size_t c = 0; c < cluster.masks.size(); ++c) {
    difference += CountBits(cluster.masks[c] ^ masks[c]);
  }
  return difference;
}

void Add(const LayerMasks& layer, int filter, Cluster* cluster) {
  cluster->filters.push_back(filter);
  const uint16_t* masks = layer.of_filter(filter);
  for (size_t c = 0; c < cluster->masks.size(); ++c) {
    cluster->masks[c] |= masks[c];
  }
}

int64_t StoredKernels(const Cluster& cluster) {
  const int64_t kept =
      static_cast<int64_t>(cluster.masks.size()) -
      std::count(cluster.masks.begin(), cluster.masks.end(), uint16_t{0});
  return kept * static_cast<int64_t>(cluster.filters.size());
}

// Moves the filter most like the cluster from `free` into it; false where none
// fits.
bool Grow(const LayerMasks& layer, std::vector<int>* free, Cluster* cluster) {
  int least = std::numeric_limits<int>::max();
  auto best = free->end();
  for (auto filter = free->begin(); filter != free->end(); ++filter) {
    const uint16_t* masks = layer.of_filter(*filter);
    const int difference = Difference(*cluster, masks);
    if (difference < least && Covers(*cluster, masks)) {
      least = difference;
      best = filter;
    }
  }
  if (best == free->end()) return false;
  Add(layer, *best, cluster);
  free->erase(best);
  return true;
}

// Splits all filters into clusters of `group_size`, the last one smaller where
// the size does not divide them. Greedy: the filter with the most weights left
// takes the filters most like it. Empty where that fails or where the clusters
// together store more than `max_kernels`.
std::vector<Cluster> ClusterFilters(const LayerMasks& layer, int group_size,
                                    int64_t max_kernels) {
  std::vector<int> free(layer.filters());
  std::iota(free.begin(), free.end(), 0);
  std::stable_sort(free.begin(), free.end(), [&layer](int a, int b) {
    return layer.weights(a) > layer.weights(b);
  });
  size_t rest = layer.filters() % group_size;  // filters of the smaller group
  std::vector<Cluster> clusters;
  Cluster smaller;
  int64_t kernels = 0;
  while (!free.empty()) {
    Cluster cluster;
    cluster.masks.resize(layer.channels());
    Add(layer, free.front(), &cluster);
    free.erase(free.begin());
    const size_t size =
        std::min<size_t>(group_size, cluster.filters.size() + free.size());
    while (cluster.filters.size() < size) {
      if (!Grow(layer, &free, &cluster)) break;
    }
    kernels += StoredKernels(cluster);
    if (kernels > max_kernels) return {};
    if (cluster.filters.size() == static_cast<size_t>(group_size)) {
      clusters.push_back(std::move(cluster));
    } else if (cluster.filters.size() == rest) {
      smaller = std::move(cluster);
      rest = 0;
    } else {
      return {};
    }
  }
  if (!smaller.filters.empty()) clusters.push_back(std::move(smaller));
  return clusters;
}

// The widest groups that the weights allow; single filters always do.
std::vector<Cluster> FindGroups(const LayerMasks& layer, int* group_size) {
  int64_t kernels = 0;
  for (int f = 0; f < layer.filters(); ++f) {
    const uint16_t* masks = layer.of_filter(f);
    kernels += layer.channels() -
               std::count(masks, masks + layer.channels(), uint16_t{0});
  }
  const int64_t max_kernels = kernels + kernels * kGroupOverheadPercent / 100;
  for (int size : kGroupSizes) {
    if (size > 1 && size >= 2 * layer.filters()) continue;
    *group_size = size;
    std::vector<Cluster> clusters = ClusterFilters(layer, size, max_kernels);
    if (!clusters.empty()) return clusters;
  }
  return {};
}

// A small set of 4-weight patterns, and for each mask that occurs the pattern
// that stores it.
class PatternCover {
 public:
  explicit PatternCover(const std::vector<Cluster>& clusters) {
    std::array<int64_t, kMasks> uses{};
    for (const Cluster& cluster : clusters) {
      for (uint16_t mask : cluster.masks) ++uses[mask];
    }
    uses[0] = 0;
    std::array<int64_t, kMasks> pattern_uses = uses;
    for (int mask = 0; mask < kMasks; ++mask) {
      if (CountBits(mask) == kPatternEntries && uses[mask] > 0) Take(mask);
    }
    ChooseFurtherPatterns(uses);
    SortByUse(pattern_uses);
    for (int mask = 1; mask < kMasks; ++mask) {
      // The first pattern is the one most used.
      for (size_t p = 0; p < patterns_.size(); ++p) {
        if ((patterns_[p] & mask) != mask) continue;
        pattern_of_[mask] = static_cast<uint16_t>(p);
        break;
      }
    }
  }

  const std::vector<uint16_t>& patterns() const { return patterns_; }
  uint16_t pattern_of(uint16_t mask) const { return pattern_of_[mask]; }

 private:
  void Take(int pattern) {
    patterns_.push_back(static_cast<uint16_t>(pattern));
  }

  bool IsCovered(int mask) const {
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [mask](int p) { return (p & mask) == mask; });
  }

  // Greedy cover of the masks with fewer than four weights that fit no pattern
  // yet: each further pattern stores as many of them as it can.
  void ChooseFurtherPatterns(const std::array<int64_t, kMasks>& uses) {
    for (;;) {
      std::array<int64_t, kMasks> gains{};
      for (int mask = 1; mask < kMasks; ++mask) {
        if (uses[mask] == 0 || IsCovered(mask)) continue;
        for (int pattern = 0; pattern < kMasks; ++pattern) {
          if (CountBits(pattern) == kPatternEntries &&
              (pattern & mask) == mask) {
            gains[pattern] += uses[mask];
          }
        }
      }
      const auto best = std::max_element(gains.begin(), gains.end());
      if (*best == 0) return;
      Take(static_cast<int>(best - gains.begin()));
    }
  }

  void SortByUse(const std::array<int64_t, kMasks>& uses) {
    std::stable_sort(
        patterns_.begin(), patterns_.end(),
        [&uses](uint16_t a, uint16_t b) { return uses[a] > uses[b]; });
  }

  std::vector<uint16_t> patterns_;
  std::array<uint16_t, kMasks> pattern_of_{};
};

// The kernels of a cluster, by pattern, then by channel.
std::vector<GroupKernel> KernelsOf(const Cluster& cluster,
                                   const PatternCover& cover) {
  std::vector<GroupKernel> kernels;
  for (size_t c = 0; c < cluster.masks.size(); ++c) {
    if (cluster.masks[c] == 0) continue;
    kernels.push_back(
        {static_cast<uint16_t>(c), cover.pattern_of(cluster.masks[c])});
  }
  std::stable_sort(kernels.begin(), kernels.end(),
                   [](const GroupKernel& a, const GroupKernel& b) {
                     return a.pattern < b.pattern;
                   });
  return kernels;
}

// Fewest kernels first, as docs/fkw.md asks; the smaller group stays last.
void SortGroups(const LayerMasks& layer, int group_size,
                std::vector<Cluster>* clusters) {
  const auto last =
      clusters->end() - (layer.filters() % group_size == 0 ? 0 : 1);
  std::stable_sort(clusters->begin(), last,
                   [](const Cluster& a, const Cluster& b) {
                     return StoredKernels(a) < StoredKernels(b);
                   });
}

template <typename T>
void StoreValues(const T* dense, const PatternWeights& weights,
                 std::vector<T>* values) {
  for (int g = 0; g < weights.groups(); ++g) {
    const int32_t* filters =
        weights.filter_order.data() + g * weights.group_size;
    for (uint32_t k = weights.group_begin[g]; k < weights.group_begin[g + 1];
         ++k) {
      const GroupKernel& kernel = weights.kernels[k];
      const int pattern = weights.patterns[kernel.pattern];
      for (int i = 0; i < weights.FiltersOfGroup(g); ++i) {
        for (int tap = 0; tap < kKernelTaps; ++tap) {
          if ((pattern >> tap & 1) == 0) continue;
          values->push_back(
              dense[(static_cast<size_t>(filters[i]) * kKernelTaps + tap) *
                        weights.channels +
                    kernel.channel]);
        }
      }
    }
  }
}

Status CheckKernels(const LayerMasks& layer) {
  int64_t weights = 0;
  for (int f = 0; f < layer.filters(); ++f) {
    weights += layer.weights(f);
    for (int c = 0; c < layer.channels(); ++c) {
      const int kept = CountBits(layer.of_filter(f)[c]);
      if (kept > kPatternEntries) {
        return Status::Error(
            "the kernel of output channel %d, input channel %d keeps %d "
            "weights, a pattern keeps %d",
            f, c, kept, kPatternEntries);
      }
    }
  }
  if (weights == 0) return Status::Error("all weights are zero");
  return Status();
}

template <typename T>
Status Recognize(const DenseWeights& dense, PatternWeights* weights,
                 std::vector<T>* values) {
  const T* dense_values = static_cast<const T*>(dense.values);
  const LayerMasks layer(dense_values, dense.filters, dense.channels);
  Status status = CheckKernels(layer);
  if (!status.ok()) return status;

  std::vector<Cluster> clusters = FindGroups(layer, &weights->group_size);
  SortGroups(layer, weights->group_size, &clusters);
  const PatternCover cover(clusters);
  weights->patterns = cover.patterns();
  weights->group_begin.push_back(0);
  for (const Cluster& cluster : clusters) {
    weights->filter_order.insert(weights->filter_order.end(),
                                 cluster.filters.begin(),
                                 cluster.filters.end());
    const std::vector<GroupKernel> kernels = KernelsOf(cluster, cover);
    weights->kernels.insert(weights->kernels.end(), kernels.begin(),
                            kernels.end());
    weights->group_begin.push_back(
        static_cast<uint32_t>(weights->kernels.size()));
  }
  StoreValues(dense_values, *weights, values);
  return Status();
}

}  // namespace

Status RecognizePatterns(const DenseWeights& dense, PatternWeights* weights) {
  Status status = CheckDenseWeights(dense);
  if (!status.ok()) return status;
  PatternWeights found = DescribeDenseWeights(dense);
  status = dense.type == DataType::kInt8
               ? Recognize<int8_t>(dense, &found, &found.int8_values)
               : Recognize<float>(dense, &found, &found.float_values);
  if (status.ok()) *weights = std::move(found);
  return status;
}

}  // namespace tf_pconv
