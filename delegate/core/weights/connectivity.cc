#include "delegate/core/weights/connectivity.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace tf_pconv {
namespace {

constexpr int kGroupSizes[] = {16, 8, 4, 2, 1};
// Groups may store this many per cent more kernels than single filters would.
constexpr int64_t kGroupOverheadPercent = 10;
// The first filter of the group that is smaller than the others finds too few
// of its kind: a full group would store this many per cent more than it keeps.
constexpr int kStrangersPercent = 30;
constexpr int kWordBits = 64;
// Filters are compared in this many words of their masks, spread evenly: enough
// to tell those of another group, also where there are thousands of channels.
constexpr int kComparedWords = 32;

// Bits set, without instructions that not every x86-64 processor has.
int CountBits(uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<int>(bits * 0x0101010101010101 >> 56);
}

// The channels that each filter keeps, a bit each.
class LayerMasks {
 public:
  template <typename T>
  LayerMasks(const T* values, int filters, int channels)
      : words_((channels + kWordBits - 1) / kWordBits),
        masks_(static_cast<size_t>(filters) * words_) {
    for (int f = 0; f < filters; ++f) {
      uint64_t* mask = masks_.data() + static_cast<size_t>(f) * words_;
      int kept = 0;
      for (int c = 0; c < channels; ++c, ++values) {
        if (*values == 0) continue;
        mask[c / kWordBits] |= uint64_t{1} << c % kWordBits;
        ++kept;
      }
      kept_.push_back(kept);
    }
  }

  int filters() const { return static_cast<int>(kept_.size()); }
  int words() const { return words_; }
  const uint64_t* of_filter(int filter) const {
    return masks_.data() + static_cast<size_t>(filter) * words_;
  }
  // Channels that a filter keeps.
  int kept(int filter) const { return kept_[filter]; }

  // Of the channels looked at, those that one of two filters keeps.
  int Difference(int a, int b) const {
    const int step = (words_ + kComparedWords - 1) / kComparedWords;
    int difference = 0;
    for (int i = 0; i < words_; i += step) {
      difference += CountBits(of_filter(a)[i] ^ of_filter(b)[i]);
    }
    return difference;
  }

 private:
  int words_;
  std::vector<uint64_t> masks_;
  std::vector<int> kept_;
};

struct Group {
  std::vector<int> filters;
  std::vector<uint64_t> mask;  // the channels that any of them keeps
  int kept = 0;                // how many these are
};

Group MakeGroup(const LayerMasks& layer, std::vector<int> filters) {
  Group group;
  group.mask.resize(layer.words());
  for (int filter : filters) {
    for (int i = 0; i < layer.words(); ++i) {
      group.mask[i] |= layer.of_filter(filter)[i];
    }
  }
  for (uint64_t word : group.mask) group.kept += CountBits(word);
  std::sort(filters.begin(), filters.end());
  group.filters = std::move(filters);
  return group;
}

// Splits all filters into groups of `group_size`, the last one smaller where
// the size does not divide them. Greedy: the filter that keeps most takes those
// most like it. Empty where the groups together store more than `max_extra`
// kernels beyond what single filters would.
std::vector<Group> GroupFilters(const LayerMasks& layer, int group_size,
                                int64_t max_extra) {
  std::vector<int> free(layer.filters());
  std::iota(free.begin(), free.end(), 0);
  std::stable_sort(free.begin(), free.end(), [&layer](int a, int b) {
    return layer.kept(a) > layer.kept(b);
  });
  const size_t rest = layer.filters() % group_size;
  std::vector<Group> groups;
  Group smaller;
  int64_t extra = 0;
  while (!free.empty()) {
    const int first = free.front();
    std::vector<std::pair<int, int>> others;  // difference, filter
    for (size_t i = 1; group_size > 1 && i < free.size(); ++i) {
      others.push_back({layer.Difference(first, free[i]), free[i]});
    }
    std::stable_sort(
        others.begin(), others.end(),
        [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto nearest = [&](size_t count) {
      std::vector<int> filters = {first};
      for (size_t i = 0; i + 1 < std::min(count, free.size()); ++i) {
        filters.push_back(others[i].second);
      }
      return MakeGroup(layer, std::move(filters));
    };
    Group group = nearest(group_size);
    const bool strangers =
        group.kept * 100 > layer.kept(first) * (100 + kStrangersPercent);
    const bool is_smaller = rest > 0 && smaller.filters.empty() &&
                            (strangers || free.size() == rest);
    if (is_smaller) group = nearest(rest);
    for (int filter : group.filters) extra += group.kept - layer.kept(filter);
    if (extra > max_extra) return {};
    const auto taken = [&group](int filter) {
      return std::binary_search(group.filters.begin(), group.filters.end(),
                                filter);
    };
    free.erase(std::remove_if(free.begin(), free.end(), taken), free.end());
    if (is_smaller) {
      smaller = std::move(group);
    } else {
      groups.push_back(std::move(group));
    }
  }
  std::stable_sort(
      groups.begin(), groups.end(),
      [](const Group& a, const Group& b) { return a.kept < b.kept; });
  if (rest > 0) groups.push_back(std::move(smaller));
  return groups;
}

// The widest groups that the weights allow; single filters always do.
std::vector<Group> FindGroups(const LayerMasks& layer, int* group_size) {
  int64_t kernels = 0;
  for (int f = 0; f < layer.filters(); ++f) kernels += layer.kept(f);
  const int64_t max_extra = kernels * kGroupOverheadPercent / 100;
  for (int size : kGroupSizes) {
    if (size > 1 && size >= 2 * layer.filters()) continue;
    *group_size = size;
    std::vector<Group> groups = GroupFilters(layer, size, max_extra);
    if (!groups.empty()) return groups;
  }
  return {};
}

template <typename T>
void StoreGroups(const std::vector<Group>& groups, const T* dense,
                 PatternWeights* weights, std::vector<T>* values) {
  weights->group_begin.push_back(0);
  for (const Group& group : groups) {
    for (int c = 0; c < weights->channels; ++c) {
      if ((group.mask[c / kWordBits] >> c % kWordBits & 1) == 0) continue;
      weights->kernels.push_back({static_cast<uint16_t>(c), 0});
      for (int filter : group.filters) {
        values->push_back(
            dense[static_cast<size_t>(filter) * weights->channels + c]);
      }
    }
    weights->filter_order.insert(weights->filter_order.end(),
                                 group.filters.begin(), group.filters.end());
    weights->group_begin.push_back(
        static_cast<uint32_t>(weights->kernels.size()));
  }
}

template <typename T>
Status Recognize(const DenseWeights& dense, PatternWeights* weights,
                 std::vector<T>* values) {
  const T* dense_values = static_cast<const T*>(dense.values);
  const int64_t count = int64_t{dense.filters} * dense.channels;
  const int64_t kept =
      count - std::count(dense_values, dense_values + count, T{0});
  if (2 * kept > count) {
    return Status::Error(
        "%d %% of the weights are kept; 1x1 convolutions and fully-connected "
        "layers are accelerated where at most half of them are",
        static_cast<int>(100 * kept / count));
  }
  if (kept == 0) return Status::Error("all weights are zero");
  const LayerMasks layer(dense_values, dense.filters, dense.channels);
  const std::vector<Group> groups = FindGroups(layer, &weights->group_size);
  StoreGroups(groups, dense_values, weights, values);
  return Status();
}

}  // namespace

Status RecognizeConnectivity(const DenseWeights& dense,
                             PatternWeights* weights) {
  Status status = CheckDenseWeights(dense);
  if (!status.ok()) return status;
  PatternWeights found = DescribeDenseWeights(dense);
  found.patterns = {kPointwisePattern};
  status = dense.type == DataType::kInt8
               ? Recognize<int8_t>(dense, &found, &found.int8_values)
               : Recognize<float>(dense, &found, &found.float_values);
  if (status.ok()) *weights = std::move(found);
  return status;
}

}  // namespace tf_pconv
