#include "delegate/core/int8/pairing.h"

#include <algorithm>
#include <cstddef>

namespace tf_pconv {
namespace {

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

Int8Entry Arrange(const Int8Entry& entry, int arrangement) {
  Int8Entry result = entry;
  result.arrangement = arrangement;
  for (size_t filter = 0; filter < entry.weights.size(); ++filter) {
    for (int i = 0; i < kPatternEntries; ++i) {
      result.weights[filter][i] =
          entry.weights[filter][kInt8Arrangements[arrangement][i]];
    }
  }
  return result;
}

}  // namespace

int LargestLoad(const Int8Entry& entry, const Int8Entry* other) {
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

void AppendWithinLimit(const Int8Entry& entry,
                       std::vector<Int8Entry>* entries) {
  Int8Entry best = Arrange(entry, 0);
  int best_load = LargestLoad(best, nullptr);
  for (int arrangement = 1; arrangement < kInt8ArrangementCount;
       ++arrangement) {
    Int8Entry candidate = Arrange(entry, arrangement);
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
  // Two halves: a lane holds one weight, and no weight exceeds the limit.
  Int8Entry other = best;
  for (size_t filter = 0; filter < best.weights.size(); ++filter) {
    best.weights[filter][1] = best.weights[filter][3] = 0;
    other.weights[filter][0] = other.weights[filter][2] = 0;
  }
  entries->push_back(std::move(best));
  entries->push_back(std::move(other));
}

PairedEntries PairNeighbours(const std::vector<const Int8Entry*>& entries) {
  PairedEntries paired;
  size_t i = 0;
  for (; i + 1 < entries.size(); i += 2) {
    paired.pairs.push_back({entries[i], entries[i + 1]});
  }
  if (i < entries.size()) paired.singles.push_back(entries[i]);
  return paired;
}

// Heaviest first, each entry with the heaviest waiting one that it fits.
PairedEntries PairWithinLimit(const std::vector<const Int8Entry*>& entries) {
  // Waiting entries looked at; bounds the time where few fit.
  constexpr size_t kCandidates = 64;
  std::vector<std::pair<int, const Int8Entry*>> by_load;
  for (const Int8Entry* entry : entries) {
    by_load.push_back({LargestLoad(*entry, nullptr), entry});
  }
  std::stable_sort(
      by_load.begin(), by_load.end(),
      [](const auto& a, const auto& b) { return a.first > b.first; });
  PairedEntries paired;
  std::vector<const Int8Entry*>& waiting = paired.singles;
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
  std::sort(waiting.begin(), waiting.end(),
            [](const Int8Entry* a, const Int8Entry* b) {
              return a->channel < b->channel;
            });
  return paired;
}

}  // namespace tf_pconv
