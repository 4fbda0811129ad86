#include "delegate/core/float/stream.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace tf_pconv {
namespace {

uint32_t Word(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

// Where a tap of the 3x3 kernel reads, relative to its channel's first plane.
struct TapPlace {
  int column;       // of the unit's taps
  uint32_t offset;  // floats
};

// One tap of a pattern: its place, and which of the kept weights it is.
struct PatternTap {
  TapPlace place;
  int entry;
};

using KernelTaps = std::vector<PatternTap>;

class StreamPacker {
 public:
  StreamPacker(const PatternWeights& weights, const FloatTiling& tiling)
      : weights_(weights), tiling_(tiling) {
    for (uint16_t pattern : weights.patterns) AddPattern(pattern);
    size_t values = 0;
    for (int group = 0; group < weights.groups(); ++group) {
      group_values_.push_back(values);
      values += size_t{GroupKernels(group)} * weights.FiltersOfGroup(group) *
                weights.entries();
    }
    SortKernels();
  }

  FloatStream Pack() {
    const int unit_filters = tiling_.kernel->group_size;
    stream_.rows.resize(weights_.filters);
    for (int group = 0; group < weights_.groups(); ++group) {
      const int filters = weights_.FiltersOfGroup(group);
      for (int first = 0; first < filters; first += unit_filters) {
        for (int i = first; i < std::min(first + unit_filters, filters); ++i) {
          stream_.rows[weights_.filter_order[group * weights_.group_size + i]] =
              stream_.units * unit_filters + i - first;
        }
        ++stream_.units;
      }
    }
    for (int channel = 0; channel < weights_.channels;
         channel += tiling_.block_channels) {
      stream_.blocks.push_back({channel, {}});
      for (int group = 0; group < weights_.groups(); ++group) {
        for (int first = 0; first < weights_.FiltersOfGroup(group);
             first += unit_filters) {
          stream_.blocks.back().unit_begin.push_back(stream_.words.size());
          PackUnit(channel, group, first);
        }
      }
    }
    return std::move(stream_);
  }

 private:
  uint32_t GroupKernels(int group) const {
    return weights_.group_begin[group + 1] - weights_.group_begin[group];
  }

  bool TakesPairs() const {
    return tiling_.kernel->pitch != 0 && tiling_.kernel->group_size == 1;
  }

  // Finds the places of a pattern's taps; those that can form pairs become
  // neighbours.
  void AddPattern(uint16_t pattern) {
    KernelTaps kernel;
    const int side = weights_.kernel_side;
    for (int tap = 0; tap < side * side; ++tap) {
      if ((pattern >> tap & 1) == 0) continue;
      const int row = tap / side, column = tap % side;
      const TapAxis& vertical = tiling_.vertical;
      const TapAxis& horizontal = tiling_.horizontal;
      const size_t plane =
          vertical.phase[row] * horizontal.phases + horizontal.phase[column];
      const size_t offset =
          plane * tiling_.plane_floats + vertical.shift[row] * tiling_.pitch;
      const int shift = horizontal.shift[column];
      // The accumulators move up as far as taps of the last column read.
      const bool moves = tiling_.kernel->pitch != 0;
      kernel.push_back({{moves ? kTapColumns - 1 - horizontal.reach + shift : 0,
                         static_cast<uint32_t>(offset + (moves ? 0 : shift))},
                        static_cast<int>(kernel.size())});
    }
    std::sort(kernel.begin(), kernel.end(),
              [](const PatternTap& a, const PatternTap& b) {
                return a.place.column != b.place.column
                           ? a.place.column < b.place.column
                           : a.place.offset < b.place.offset;
              });
    pattern_taps_.push_back(std::move(kernel));
  }

  // Kernels of each group by channel; blocks then are ranges of them.
  void SortKernels() {
    for (uint32_t k = 0; k < weights_.kernels.size(); ++k) {
      by_channel_.push_back(k);
    }
    for (int group = 0; group < weights_.groups(); ++group) {
      std::sort(by_channel_.begin() + weights_.group_begin[group],
                by_channel_.begin() + weights_.group_begin[group + 1],
                [this](uint32_t a, uint32_t b) {
                  return weights_.kernels[a].channel <
                         weights_.kernels[b].channel;
                });
    }
  }

  void PackUnit(int first_channel, int group, int first_filter) {
    std::vector<uint32_t>& words = stream_.words;
    const bool sorted = tiling_.kernel->pitch != 0;
    const int columns = sorted ? kTapColumns : 1;
    size_t count = words.size();
    words.resize(count + columns * (sorted ? 2 : 1));
    const auto channel_of = [this](uint32_t k, int channel) {
      return weights_.kernels[k].channel < channel;
    };
    const auto group_begin = by_channel_.begin() + weights_.group_begin[group];
    const auto group_end =
        by_channel_.begin() + weights_.group_begin[group + 1];
    const auto begin =
        std::lower_bound(group_begin, group_end, first_channel, channel_of);
    const auto end = std::lower_bound(
        begin, group_end, first_channel + tiling_.block_channels, channel_of);
    for (int column = 0; column < columns; ++column) {
      singles_.clear();
      uint32_t pairs = 0;
      for (auto k = begin; k != end; ++k) {
        pairs += PackKernel(*k, column, first_channel, group, first_filter);
      }
      if (sorted) words[count++] = pairs;
      words[count++] = static_cast<uint32_t>(singles_.size() /
                                             (1 + tiling_.kernel->group_size));
      words.insert(words.end(), singles_.begin(), singles_.end());
    }
  }

  // Adds the taps of a kernel that lie in `column`; returns how many pairs.
  int PackKernel(uint32_t k, int column, int first_channel, int group,
                 int first_filter) {
    const GroupKernel& kernel = weights_.kernels[k];
    const size_t base =
        (kernel.channel - first_channel) * tiling_.channel_floats();
    const int filters = weights_.FiltersOfGroup(group);
    const int entries = weights_.entries();
    const float* values =
        weights_.float_values.data() + group_values_[group] +
        (size_t{k} - weights_.group_begin[group]) * filters * entries;
    const KernelTaps& taps = pattern_taps_[kernel.pattern];
    int pairs = 0;
    for (int t = 0; t < entries; ++t) {
      if (taps[t].place.column != column) continue;
      const uint32_t offset =
          static_cast<uint32_t>(base + taps[t].place.offset);
      if (TakesPairs() && t + 1 < entries &&
          taps[t + 1].place.column == column &&
          taps[t + 1].place.offset ==
              taps[t].place.offset + static_cast<uint32_t>(tiling_.pitch)) {
        stream_.words.insert(
            stream_.words.end(),
            {offset, Word(values[first_filter * entries + taps[t].entry]),
             Word(values[first_filter * entries + taps[t + 1].entry])});
        ++pairs;
        ++t;
        continue;
      }
      singles_.push_back(offset);
      for (int i = 0; i < tiling_.kernel->group_size; ++i) {
        const int filter = first_filter + i;
        singles_.push_back(Word(filter < filters
                                    ? values[filter * entries + taps[t].entry]
                                    : 0.0f));
      }
    }
    return pairs;
  }

  const PatternWeights& weights_;
  const FloatTiling& tiling_;
  std::vector<KernelTaps> pattern_taps_;
  std::vector<size_t> group_values_;  // index of each group's first value
  std::vector<uint32_t> by_channel_;
  std::vector<uint32_t> singles_;
  FloatStream stream_;
};

}  // namespace

FloatStream PackFloatStream(const PatternWeights& weights,
                            const FloatTiling& tiling) {
  return StreamPacker(weights, tiling).Pack();
}

}  // namespace tf_pconv
