#ifndef TF_PCONV_DELEGATE_CORE_WEIGHTS_PATTERN_WEIGHTS_H_
#define TF_PCONV_DELEGATE_CORE_WEIGHTS_PATTERN_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/weights/conv_weights.h"

namespace tf_pconv {

inline constexpr int kKernelSide = 3;
inline constexpr int kKernelTaps = kKernelSide * kKernelSide;
inline constexpr int kPatternEntries = 4;  // taps that a pattern keeps

// The limits of docs/fkw.md.
inline constexpr int kMaxGroupSize = 256;
inline constexpr int kMaxPatterns = 126;  // ways to choose 4 of 9 taps

// Whether exactly four of the nine bits are set.
inline bool IsPattern(uint32_t mask) {
  return mask < 1u << kKernelTaps &&
         __builtin_popcount(mask) == kPatternEntries;
}

// Of a 1x1 kernel there is one pattern: its only weight.
inline constexpr uint16_t kPointwisePattern = 1;

// One input channel of a filter group: which pattern its kernels keep.
struct GroupKernel {
  uint16_t channel;
  uint16_t pattern;  // index into PatternWeights::patterns
};

// The weights of a 3x3 convolution whose kernels follow patterns, or of a 1x1
// convolution of which whole kernels are removed, as docs/fkw.md describes
// them: the common form of FKW files and of such dense weights.
struct PatternWeights : ConvWeights {
  int kernel_side = 3;  // 3 or 1
  int filters = 0;      // output channels
  int group_size = 1;   // filters of a group; the last group holds the rest
  // Kept weights of each pattern: bit kernel_side * row + column, entries()
  // bits set.
  std::vector<uint16_t> patterns;
  // Output channel of the i-th stored filter.
  std::vector<int32_t> filter_order;
  // Group g has the kernels group_begin[g] up to group_begin[g + 1].
  std::vector<uint32_t> group_begin;
  std::vector<GroupKernel> kernels;
  // Values: for each group kernel, for each filter of its group, entries() in
  // the order of the pattern's bits.

  // Weights kept of a kept kernel.
  int entries() const { return kernel_side == 1 ? 1 : kPatternEntries; }
  int groups() const { return (filters + group_size - 1) / group_size; }
  int FiltersOfGroup(int group) const {
    const int rest = filters - group * group_size;
    return rest < group_size ? rest : group_size;
  }
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WEIGHTS_PATTERN_WEIGHTS_H_
