#include "delegate/core/pointwise/stream.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "delegate/core/int8/pairing.h"
#include "delegate/core/int8/stream_words.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {
namespace {

static_assert(kPointwiseQuad == kPatternEntries,
              "int8/pairing.h arranges the weights of a quad");

using Quad = std::array<int, kPointwiseQuad>;  // channels

// A channel that a group keeps.
struct KeptChannel {
  int channel;
  const int8_t* weights;  // of each filter
  int largest;            // of their magnitudes
};

// A group of the kernel: at most kernel.group_size filters of a file's group.
struct FilterGroup {
  std::vector<int> filters;  // output channels
  std::vector<uint32_t> bias;
  std::vector<Quad> quads;
  std::vector<Int8Entry> entries;  // whose `channel` is the index of a quad
  PairedEntries paired;            // of `entries`
};

// Puts next to each other what shares a 16-bit lane: the channel of the
// largest weights and that of the smallest, and so on.
void MixHeavyAndLight(std::vector<KeptChannel>* channels) {
  std::stable_sort(channels->begin(), channels->end(),
                   [](const KeptChannel& a, const KeptChannel& b) {
                     return a.largest > b.largest;
                   });
  std::vector<KeptChannel> mixed;
  for (size_t low = 0, high = channels->size(); low < high; ++low) {
    mixed.push_back((*channels)[low]);
    if (low < --high) mixed.push_back((*channels)[high]);
  }
  *channels = std::move(mixed);
}

class Packer {
 public:
  Packer(const ConvDescription& description, const Int8OutputStage& stage,
         const PointwiseKernel& kernel)
      : description_(description),
        weights_(*description.weights),
        stage_(stage),
        kernel_(kernel) {}

  PointwiseStream Pack() {
    std::vector<FilterGroup> groups;
    size_t value = 0;
    for (int group = 0; group < weights_.groups(); ++group) {
      const int filters = weights_.FiltersOfGroup(group);
      for (int first = 0; first < filters; first += kernel_.group_size) {
        groups.push_back(MakeGroup(group, first, value));
      }
      value += size_t{weights_.group_begin[group + 1] -
                      weights_.group_begin[group]} *
               filters;
    }
    for (FilterGroup& group : groups) Pair(&group);
    // Groups of equal length follow each other, so that the processor predicts
    // where their loops end.
    std::stable_sort(groups.begin(), groups.end(),
                     [](const FilterGroup& a, const FilterGroup& b) {
                       return a.entries.size() < b.entries.size();
                     });
    PointwiseStream stream;
    stream.groups = static_cast<int>(groups.size());
    stream.rows = weights_.filters;
    for (const FilterGroup& group : groups) {
      stream.group_begin.push_back(stream.words.size());
      AppendHeader(group, &stream);
      AppendQuads(group, &stream.words);
    }
    return stream;
  }

 private:
  // Filters of a group of the file from its filter `first` on; `value` is the
  // place of the group's weights.
  FilterGroup MakeGroup(int file_group, int first, size_t value) const {
    const int filters = weights_.FiltersOfGroup(file_group);
    const int count = std::min(kernel_.group_size, filters - first);
    FilterGroup group;
    for (int i = 0; i < count; ++i) {
      const int filter =
          weights_.filter_order[file_group * weights_.group_size + first + i];
      group.filters.push_back(filter);
      group.bias.push_back(description_.int32_bias == nullptr
                               ? 0
                               : description_.int32_bias[filter]);
    }
    const int zero = description_.input.zero_point + kernel_.input_offset;
    std::vector<KeptChannel> channels;
    for (uint32_t k = weights_.group_begin[file_group];
         k < weights_.group_begin[file_group + 1]; ++k, value += filters) {
      KeptChannel kept = {weights_.kernels[k].channel,
                          &weights_.int8_values[value + first], 0};
      for (int i = 0; i < count; ++i) {
        group.bias[i] -= static_cast<uint32_t>(kept.weights[i] * zero);
        kept.largest = std::max(kept.largest, std::abs(int{kept.weights[i]}));
      }
      if (kept.largest > 0) channels.push_back(kept);
    }
    if (kernel_.narrow_sums) MixHeavyAndLight(&channels);
    for (size_t i = 0; i < channels.size(); i += kPointwiseQuad) {
      AppendQuad(channels, i, &group);
    }
    return group;
  }

  // The four channels from `first` on, or as many as there are.
  void AppendQuad(const std::vector<KeptChannel>& channels, size_t first,
                  FilterGroup* group) const {
    Quad quad;
    quad.fill(channels[first].channel);
    Int8Entry entry = {static_cast<int>(group->quads.size()), 0, 0, {}};
    entry.weights.resize(kernel_.group_size);
    for (size_t i = 0; i < kPointwiseQuad && first + i < channels.size(); ++i) {
      const KeptChannel& kept = channels[first + i];
      quad[i] = kept.channel;
      for (size_t f = 0; f < group->filters.size(); ++f) {
        entry.weights[f][i] = kept.weights[f];
      }
    }
    group->quads.push_back(quad);
    if (kernel_.narrow_sums) {
      AppendWithinLimit(entry, &group->entries);
    } else {
      group->entries.push_back(std::move(entry));
    }
  }

  void Pair(FilterGroup* group) const {
    std::vector<const Int8Entry*> entries;
    for (const Int8Entry& entry : group->entries) entries.push_back(&entry);
    group->paired = kernel_.narrow_sums ? PairWithinLimit(entries)
                                        : PairNeighbours(entries);
  }

  void AppendHeader(const FilterGroup& group, PointwiseStream* stream) const {
    std::vector<uint32_t>* words = &stream->words;
    words->push_back(static_cast<uint32_t>(group.paired.pairs.size()));
    words->push_back(static_cast<uint32_t>(group.paired.singles.size()));
    const int filters = static_cast<int>(group.filters.size());
    AppendStage(stage_, group.filters, group.bias, kernel_.group_size, words);
    // Filters that fill up the group write to rows that nobody reads, each to
    // its own: groups may run in several threads.
    for (int i = 0; i < kernel_.group_size; ++i) {
      words->push_back(i < filters ? group.filters[i] : stream->rows++);
    }
  }

  void AppendQuads(const FilterGroup& group,
                   std::vector<uint32_t>* words) const {
    for (const auto& [even, odd] : group.paired.pairs) {
      AppendOffsets(group, *even, words);
      AppendOffsets(group, *odd, words);
      for (int i = 0; i < kernel_.group_size; ++i) {
        words->push_back(WeightWord(even->weights[i]));
        words->push_back(WeightWord(odd->weights[i]));
      }
    }
    for (const Int8Entry* entry : group.paired.singles) {
      AppendOffsets(group, *entry, words);
      for (int i = 0; i < kernel_.group_size; ++i) {
        words->push_back(WeightWord(entry->weights[i]));
      }
    }
  }

  void AppendOffsets(const FilterGroup& group, const Int8Entry& entry,
                     std::vector<uint32_t>* words) const {
    const Quad& quad = group.quads[entry.channel];
    for (int place : kInt8Arrangements[entry.arrangement]) {
      words->push_back(static_cast<uint32_t>(quad[place]) *
                       static_cast<uint32_t>(kernel_.plane_bytes));
    }
  }

  const ConvDescription& description_;
  const PatternWeights& weights_;
  const Int8OutputStage& stage_;
  const PointwiseKernel& kernel_;
};

}  // namespace

PointwiseStream PackPointwiseStream(const ConvDescription& description,
                                    const Int8OutputStage& stage,
                                    const PointwiseKernel& kernel) {
  return Packer(description, stage, kernel).Pack();
}

}  // namespace tf_pconv
