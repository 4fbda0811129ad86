#include "delegate/core/int8_stream.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "delegate/core/geometry.h"
#include "delegate/core/pattern_weights.h"

namespace tf_pconv {
namespace {

// Ways to lay four weights into a dot product of two 16-bit sums of two.
constexpr int kArrangements = 3;
constexpr int kArrangement[kArrangements][kPatternEntries] = {
    {0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}};

using Quad = std::array<int8_t, kPatternEntries>;

// One input channel of a filter group: where its inputs are and, for each
// filter, what they are multiplied with.
struct Entry {
  int channel;
  int pattern;
  int arrangement;
  std::vector<Quad> weights;
};

// The sums that a 16-bit lane can reach, in units of the largest input (255):
// of the positive weights, and of the negative ones.
struct NarrowLoad {
  int positive = 0;
  int negative = 0;

  void Add(int weight) {
    (weight > 0 ? positive : negative) += weight > 0 ? weight : -weight;
  }
  int Largest() const { return std::max(positive, negative); }
};

// 255 * 128 = 32640 is the largest product with 255 below 2^15.
constexpr int kNarrowLimit = 128;

// The largest load that the entries, taken together, put on any 16-bit lane.
int LargestLoad(const Entry& entry, const Entry* other) {
  int largest = 0;
  for (size_t filter = 0; filter < entry.weights.size(); ++filter) {
    for (int lane = 0; lane < kPatternEntries; lane += 2) {
      NarrowLoad load;
      for (int i = lane; i < lane + 2; ++i) {
        load.Add(entry.weights[filter][i]);
        if (other != nullptr) load.Add(other->weights[filter][i]);
      }
      largest = std::max(largest, load.Largest());
    }
    if (largest > kNarrowLimit) break;
  }
  return largest;
}

Entry Arrange(const Entry& entry, int arrangement) {
  Entry result = entry;
  result.arrangement = arrangement;
  for (size_t filter = 0; filter < entry.weights.size(); ++filter) {
    for (int i = 0; i < kPatternEntries; ++i) {
      result.weights[filter][i] =
          entry.weights[filter][kArrangement[arrangement][i]];
    }
  }
  return result;
}

// Appends the entry in the arrangement that loads 16-bit lanes least; where
// none keeps within the limit, in two halves that do: a lane then holds one
// weight, and no weight exceeds the limit.
void AppendNarrow(const Entry& entry, std::vector<Entry>* entries) {
  Entry best = Arrange(entry, 0);
  int best_load = LargestLoad(best, nullptr);
  for (int arrangement = 1; arrangement < kArrangements; ++arrangement) {
    Entry candidate = Arrange(entry, arrangement);
    const int load = LargestLoad(candidate, nullptr);
    if (load < best_load) {
      best_load = load;
      best = std::move(candidate);
    }
  }
  if (best_load <= kNarrowLimit) {
    entries->push_back(std::move(best));
    return;
  }
  Entry other = best;
  for (size_t filter = 0; filter < best.weights.size(); ++filter) {
    best.weights[filter][1] = best.weights[filter][3] = 0;
    other.weights[filter][0] = other.weights[filter][2] = 0;
  }
  entries->push_back(std::move(best));
  entries->push_back(std::move(other));
}

// Entries of a filter group in a block: pairs first, then those left alone.
struct PairedEntries {
  std::vector<std::pair<const Entry*, const Entry*>> pairs;
  std::vector<const Entry*> singles;
};

PairedEntries PairNeighbours(const std::vector<const Entry*>& entries) {
  PairedEntries paired;
  size_t i = 0;
  for (; i + 1 < entries.size(); i += 2) {
    paired.pairs.push_back({entries[i], entries[i + 1]});
  }
  if (i < entries.size()) paired.singles.push_back(entries[i]);
  return paired;
}

// Pairs entries that together stay within the limit of 16-bit sums: heaviest
// first, each with the heaviest waiting one that it fits.
PairedEntries PairWithinLimit(const std::vector<const Entry*>& entries) {
  // Waiting entries looked at; bounds the time where few fit.
  constexpr size_t kCandidates = 64;
  std::vector<std::pair<int, const Entry*>> by_load;
  for (const Entry* entry : entries) {
    by_load.push_back({LargestLoad(*entry, nullptr), entry});
  }
  std::stable_sort(
      by_load.begin(), by_load.end(),
      [](const auto& a, const auto& b) { return a.first > b.first; });
  PairedEntries paired;
  std::vector<const Entry*>& waiting = paired.singles;
  for (const auto& [own_load, entry] : by_load) {
    int best_load = -1;
    size_t best = 0;
    for (size_t i = 0; i < std::min(waiting.size(), kCandidates); ++i) {
      const int load = LargestLoad(*waiting[i], entry);
      if (load <= kNarrowLimit && load > best_load) {
        best_load = load;
        best = i;
      }
    }
    if (best_load < 0) {
      waiting.push_back(entry);
    } else {
      paired.pairs.push_back({waiting[best], entry});
      waiting.erase(waiting.begin() + best);
    }
  }
  // Channels in rising order: memory is read in the order it lies in.
  std::sort(paired.pairs.begin(), paired.pairs.end(),
            [](const auto& a, const auto& b) {
              return a.first->channel < b.first->channel;
            });
  std::sort(waiting.begin(), waiting.end(), [](const Entry* a, const Entry* b) {
    return a->channel < b->channel;
  });
  return paired;
}

// A group of the kernel: at most kernel.group_size filters of a file's group.
struct FilterGroup {
  std::vector<int> filters;  // output channels
  std::vector<uint32_t> bias;
  std::vector<Entry> entries;
};

class Packer {
 public:
  Packer(const ConvDescription& description, const Int8OutputStage& stage,
         const Int8Kernel& kernel)
      : description_(description),
        weights_(*description.weights),
        stage_(stage),
        kernel_(kernel) {}

  Int8Stream Pack(int block_channels) {
    Int8Stream stream;
    stream.patch_lanes =
        PatchLanes(description_.stride_height, description_.stride_width);
    stream.shuffles = Shuffles(stream.patch_lanes);
    shuffle_bytes_ = stream.patch_lanes * kLaneBytes;
    const std::vector<FilterGroup> groups = FilterGroups();
    stream.groups = static_cast<int>(groups.size());
    for (int first = 0; first < weights_.channels; first += block_channels) {
      const int channels = std::min(block_channels, weights_.channels - first);
      stream.blocks.push_back({first, channels, stream.words.size()});
      AppendBlock(groups, first, channels, &stream.words);
    }
    return stream;
  }

 private:
  // For each pattern and arrangement, for each lane of the patch: which byte
  // each of the 16 inputs is.
  std::vector<uint8_t> Shuffles(int patch_lanes) const {
    constexpr uint8_t kAbsent = 0x80;
    const int patch_width = PatchWidth(description_.stride_width);
    std::vector<uint8_t> shuffles;
    for (uint16_t mask : weights_.patterns) {
      int taps[kPatternEntries], count = 0;
      for (int tap = 0; tap < kKernelSide * kKernelSide; ++tap) {
        if (mask >> tap & 1) taps[count++] = tap;
      }
      for (int arrangement = 0; arrangement < arrangements(); ++arrangement) {
        for (int lane = 0; lane < patch_lanes; ++lane) {
          for (int i = 0; i < kLaneBytes; ++i) {
            const int output = i / kPatternEntries;
            const int tap =
                taps[kArrangement[arrangement][i % kPatternEntries]];
            const int row =
                output / 2 * description_.stride_height + tap / kKernelSide;
            const int column =
                output % 2 * description_.stride_width + tap % kKernelSide;
            const int byte = row * patch_width + column - lane * kLaneBytes;
            const bool present = byte >= 0 && byte < kLaneBytes;
            shuffles.push_back(present ? static_cast<uint8_t>(byte) : kAbsent);
          }
        }
      }
    }
    return shuffles;
  }

  int arrangements() const { return kernel_.narrow_sums ? kArrangements : 1; }

  std::vector<FilterGroup> FilterGroups() const {
    std::vector<FilterGroup> groups;
    size_t value = 0;
    for (int group = 0; group < weights_.groups(); ++group) {
      const int filters = weights_.FiltersOfGroup(group);
      const uint32_t begin = weights_.group_begin[group];
      const uint32_t kernels = weights_.group_begin[group + 1] - begin;
      for (int first = 0; first < filters; first += kernel_.group_size) {
        const int count = std::min(kernel_.group_size, filters - first);
        FilterGroup part;
        for (int i = 0; i < count; ++i) {
          const int filter =
              weights_.filter_order[group * weights_.group_size + first + i];
          part.filters.push_back(filter);
          part.bias.push_back(description_.int32_bias == nullptr
                                  ? 0
                                  : description_.int32_bias[filter]);
        }
        for (uint32_t k = 0; k < kernels; ++k) {
          AppendKernel(
              weights_.kernels[begin + k],
              &weights_.int8_values[value + (size_t{k} * filters + first) *
                                                kPatternEntries],
              &part);
        }
        groups.push_back(std::move(part));
      }
      value += size_t{kernels} * filters * kPatternEntries;
    }
    return groups;
  }

  // `values` are those of the group's filters, one after the other.
  void AppendKernel(const GroupKernel& group_kernel, const int8_t* values,
                    FilterGroup* group) const {
    const int zero = description_.input_zero_point + kernel_.input_offset;
    Entry entry = {group_kernel.channel, group_kernel.pattern, 0, {}};
    entry.weights.resize(kernel_.group_size);
    bool empty = true;
    for (size_t i = 0; i < group->filters.size(); ++i) {
      for (int j = 0; j < kPatternEntries; ++j) {
        const int8_t weight = values[i * kPatternEntries + j];
        entry.weights[i][j] = weight;
        group->bias[i] -= static_cast<uint32_t>(weight * zero);
        empty = empty && weight == 0;
      }
    }
    if (empty) return;
    if (kernel_.narrow_sums) {
      AppendNarrow(entry, &group->entries);
    } else {
      group->entries.push_back(std::move(entry));
    }
  }

  void AppendBlock(const std::vector<FilterGroup>& groups, int first_channel,
                   int channels, std::vector<uint32_t>* words) const {
    std::vector<std::pair<PairedEntries, int>> order;
    for (size_t i = 0; i < groups.size(); ++i) {
      std::vector<const Entry*> entries;
      for (const Entry& entry : groups[i].entries) {
        if (entry.channel >= first_channel &&
            entry.channel < first_channel + channels) {
          entries.push_back(&entry);
        }
      }
      order.push_back({kernel_.narrow_sums ? PairWithinLimit(entries)
                                           : PairNeighbours(entries),
                       static_cast<int>(i)});
    }
    // Groups of equal length follow each other, so that the processor predicts
    // where their loops end.
    std::stable_sort(
        order.begin(), order.end(), [](const auto& a, const auto& b) {
          const auto length = [](const PairedEntries& entries) {
            return std::make_pair(entries.singles.size(), entries.pairs.size());
          };
          return length(a.first) < length(b.first);
        });
    for (const auto& [paired, index] : order) {
      AppendHeader(groups[index], paired, index, words);
      AppendEntries(paired, first_channel, words);
    }
  }

  void AppendHeader(const FilterGroup& group, const PairedEntries& paired,
                    int index, std::vector<uint32_t>* words) const {
    words->push_back(static_cast<uint32_t>(paired.pairs.size()));
    words->push_back(static_cast<uint32_t>(paired.singles.size()));
    words->push_back(static_cast<uint32_t>(index));
    const int filters = static_cast<int>(group.filters.size());
    for (int i = 0; i < kernel_.group_size; ++i) {
      words->push_back(i < filters ? group.bias[i] : 0);
    }
    for (const std::vector<float>* values :
         {&stage_.multipliers, &stage_.units}) {
      for (int i = 0; i < kernel_.group_size; ++i) {
        const float value = i < filters ? (*values)[group.filters[i]] : 0.0f;
        uint32_t word;
        std::memcpy(&word, &value, sizeof(word));
        words->push_back(word);
      }
    }
    // Filters that fill up the group write to a row that nobody reads.
    for (int i = 0; i < kernel_.group_size; ++i) {
      words->push_back(i < filters ? group.filters[i] : weights_.filters);
    }
  }

  void AppendEntries(const PairedEntries& paired, int first_channel,
                     std::vector<uint32_t>* words) const {
    for (const auto& [even, odd] : paired.pairs) {
      words->push_back(EntryWord(*even, first_channel));
      words->push_back(EntryWord(*odd, first_channel));
      for (int i = 0; i < kernel_.group_size; ++i) {
        words->push_back(WeightWord(even->weights[i]));
        words->push_back(WeightWord(odd->weights[i]));
      }
    }
    for (const Entry* entry : paired.singles) {
      words->push_back(EntryWord(*entry, first_channel));
      for (int i = 0; i < kernel_.group_size; ++i) {
        words->push_back(WeightWord(entry->weights[i]));
      }
    }
  }

  uint32_t EntryWord(const Entry& entry, int first_channel) const {
    const int shuffle = entry.pattern * arrangements() + entry.arrangement;
    return static_cast<uint32_t>(entry.channel - first_channel) |
           static_cast<uint32_t>(shuffle * shuffle_bytes_) << 16;
  }

  static uint32_t WeightWord(const Quad& weights) {
    uint32_t word;
    std::memcpy(&word, weights.data(), sizeof(word));
    return word;
  }

  const ConvDescription& description_;
  const PatternWeights& weights_;
  const Int8OutputStage& stage_;
  const Int8Kernel& kernel_;
  int shuffle_bytes_ = kLaneBytes;
};

}  // namespace

int PatchLanes(int stride_height, int stride_width) {
  const int pixels = (stride_height + kKernelSide) * PatchWidth(stride_width);
  return (pixels + kLaneBytes - 1) / kLaneBytes;
}

int PatchWidth(int stride_width) { return stride_width + kKernelSide; }

Int8Stream PackInt8Stream(const ConvDescription& description,
                          const Int8OutputStage& stage,
                          const Int8Kernel& kernel, int block_channels) {
  return Packer(description, stage, kernel).Pack(block_channels);
}

}  // namespace tf_pconv
