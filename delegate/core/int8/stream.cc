#include "delegate/core/int8/stream.h"

#include <algorithm>
#include <utility>

#include "delegate/core/geometry.h"
#include "delegate/core/int8/pairing.h"
#include "delegate/core/int8/patch.h"
#include "delegate/core/int8/stream_words.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {
namespace {

// Of four outputs; those of larger blocks lie as many times further apart.
constexpr int kShuffleBytes = 4 * kPatternEntries;

// A group of the kernel: at most kernel.group_size filters of a file's group.
struct FilterGroup {
  std::vector<int> filters;  // output channels
  std::vector<int> rows;     // where the outputs of filters go
  std::vector<uint32_t> bias;
  std::vector<Int8Entry> entries;
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
    const std::vector<FilterGroup> groups = FilterGroups();
    stream.groups = static_cast<int>(groups.size());
    for (const FilterGroup& group : groups) {
      stream.entries += group.entries.size();
    }
    std::vector<int> places;
    for (int first = 0; first < weights_.channels; first += block_channels) {
      const int channels = std::min(block_channels, weights_.channels - first);
      stream.blocks.push_back({first, channels, stream.words.size(), {}});
      AppendBlock(groups, &stream.blocks.back(), &places, &stream.words);
    }
    stream.rows = static_cast<int>(groups.size()) * kernel_.group_size;
    return stream;
  }

 private:
  std::vector<FilterGroup> FilterGroups() const {
    std::vector<FilterGroup> groups;
    size_t value = 0;
    int unread_row = weights_.filters;
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
        // Filters that fill up the group write to rows that nobody reads, each
        // to its own: threads may compute them at the same time.
        part.rows = part.filters;
        while (static_cast<int>(part.rows.size()) < kernel_.group_size) {
          part.rows.push_back(unread_row++);
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
    const int zero = description_.input.zero_point + kernel_.input_offset;
    Int8Entry entry = {group_kernel.channel, group_kernel.pattern, 0, {}};
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
      AppendWithinLimit(entry, &group->entries);
    } else {
      group->entries.push_back(std::move(entry));
    }
  }

  // `places` are those of each group's sums; the first block settles them.
  void AppendBlock(const std::vector<FilterGroup>& groups,
                   Int8Stream::Block* block, std::vector<int>* places,
                   std::vector<uint32_t>* words) const {
    std::vector<std::pair<PairedEntries, int>> order;
    for (size_t i = 0; i < groups.size(); ++i) {
      std::vector<const Int8Entry*> entries;
      for (const Int8Entry& entry : groups[i].entries) {
        if (entry.channel >= block->first_channel &&
            entry.channel < block->first_channel + block->channels) {
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
    if (places->empty()) {
      places->resize(groups.size());
      for (size_t i = 0; i < order.size(); ++i) {
        (*places)[order[i].second] = static_cast<int>(i);
      }
    }
    block->groups.resize(groups.size());
    for (size_t i = 0; i < order.size(); ++i) {
      const auto& [paired, index] = order[i];
      const int place = (*places)[index];
      block->groups[place] = {static_cast<int>(i), words->size()};
      AppendHeader(groups[index], paired, place, words);
      AppendEntries(paired, block->first_channel, words);
    }
  }

  void AppendHeader(const FilterGroup& group, const PairedEntries& paired,
                    int place, std::vector<uint32_t>* words) const {
    words->push_back(static_cast<uint32_t>(paired.pairs.size()));
    words->push_back(static_cast<uint32_t>(paired.singles.size()));
    words->push_back(static_cast<uint32_t>(place));
    AppendStage(stage_, group.filters, group.bias, kernel_.group_size, words);
    words->insert(words->end(), group.rows.begin(), group.rows.end());
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
    for (const Int8Entry* entry : paired.singles) {
      words->push_back(EntryWord(*entry, first_channel));
      for (int i = 0; i < kernel_.group_size; ++i) {
        words->push_back(WeightWord(entry->weights[i]));
      }
    }
  }

  uint32_t EntryWord(const Int8Entry& entry, int first_channel) const {
    const int shuffle =
        entry.pattern * ArrangementCount(kernel_) + entry.arrangement;
    return static_cast<uint32_t>(entry.channel - first_channel) |
           static_cast<uint32_t>(shuffle * kShuffleBytes) << 16;
  }

  const ConvDescription& description_;
  const PatternWeights& weights_;
  const Int8OutputStage& stage_;
  const Int8Kernel& kernel_;
};

}  // namespace

Int8Stream PackInt8Stream(const ConvDescription& description,
                          const Int8OutputStage& stage,
                          const Int8Kernel& kernel, int block_channels) {
  return Packer(description, stage, kernel).Pack(block_channels);
}

}  // namespace tf_pconv
