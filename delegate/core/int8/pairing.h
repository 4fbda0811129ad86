#ifndef TF_PCONV_DELEGATE_CORE_INT8_PAIRING_H_
#define TF_PCONV_DELEGATE_CORE_INT8_PAIRING_H_

// Instruction sets without byte dot products multiply unsigned inputs with
// weights into 16-bit sums of two products, and a kernel adds the sums of two
// entries before it widens them. This file chooses entries and pairs so that no
// input can make these sums overflow: in every 16-bit lane the positive weights
// sum to at most 128 and the negative ones to at least -128, and 255 * 128 is
// below 2^15.

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// Orders of the four weights of a kernel; weights 0 and 1, and weights 2 and 3,
// of an order share a 16-bit lane.
inline constexpr int kInt8ArrangementCount = 3;
inline constexpr int kInt8Arrangements[kInt8ArrangementCount][kPatternEntries] =
    {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 3, 1, 2}};

using Int8Quad = std::array<int8_t, kPatternEntries>;

// One input channel of a filter group: where its inputs are and, for each
// filter, what they are multiplied with, in the order of the arrangement.
struct Int8Entry {
  int channel;
  int pattern;
  int arrangement;
  std::vector<Int8Quad> weights;
};

inline constexpr int kNarrowLimit = 128;

// The largest sum of weights of one sign that the entry, and `other` where not
// null, put on any 16-bit lane; not less than the first that exceeds the limit.
int LargestLoad(const Int8Entry& entry, const Int8Entry* other);

// Appends the entry, given in arrangement 0, in the arrangement that loads
// 16-bit lanes least; or, where none keeps within the limit, two halves that
// do.
void AppendWithinLimit(const Int8Entry& entry, std::vector<Int8Entry>* entries);

// Entries of a filter group: pairs, and those left alone.
struct PairedEntries {
  std::vector<std::pair<const Int8Entry*, const Int8Entry*>> pairs;
  std::vector<const Int8Entry*> singles;
};

// Pairs any two entries, for kernels whose sums have 32 bits.
PairedEntries PairNeighbours(const std::vector<const Int8Entry*>& entries);

// Pairs entries that together stay within the limit.
PairedEntries PairWithinLimit(const std::vector<const Int8Entry*>& entries);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_PAIRING_H_
