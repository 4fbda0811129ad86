// No input may overflow a 16-bit sum, and no weight may be lost.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <tuple>
#include <vector>

#include "delegate/core/int8/pairing.h"

namespace tf_pconv {
namespace {

constexpr uint32_t kSeed = 20261121;
constexpr int kChannels = 90;

enum class Weights { kGaussian, kWide, kExtreme };

std::vector<Int8Entry> RandomEntries(Weights kind, int filters) {
  std::mt19937 random(kSeed);
  std::normal_distribution<double> normal(0, kind == Weights::kWide ? 90 : 40);
  std::vector<Int8Entry> entries;
  for (int channel = 0; channel < kChannels; ++channel) {
    Int8Entry entry = {channel, channel % 8, 0, {}};
    for (int filter = 0; filter < filters; ++filter) {
      Int8Quad quad;
      for (int8_t& weight : quad) {
        constexpr int8_t kExtremes[] = {-128, -127, 127};
        weight = kind == Weights::kExtreme
                     ? kExtremes[random() % 3]
                     : static_cast<int8_t>(
                           std::clamp(normal(random), -128.0, 127.0));
      }
      entry.weights.push_back(quad);
    }
    entries.push_back(entry);
  }
  return entries;
}

// The 16-bit sums that two (or one, the other null) entries make of inputs
// that are as unkind as they can be.
void ExpectInRange(const Int8Entry& entry, const Int8Entry* other) {
  for (size_t filter = 0; filter < entry.weights.size(); ++filter) {
    for (int lane = 0; lane < kPatternEntries; lane += 2) {
      int largest = 0, smallest = 0;
      for (const Int8Entry* part : {&entry, other}) {
        if (part == nullptr) continue;
        for (int i = lane; i < lane + 2; ++i) {
          const int product = 255 * part->weights[filter][i];
          (product > 0 ? largest : smallest) += product;
        }
      }
      EXPECT_LE(largest, INT16_MAX);
      EXPECT_GE(smallest, INT16_MIN);
    }
  }
}

class Int8PairingTest
    : public testing::TestWithParam<std::tuple<Weights, int>> {
 protected:
  std::vector<Int8Entry> given_ =
      RandomEntries(std::get<0>(GetParam()), std::get<1>(GetParam()));

  std::vector<Int8Entry> WithinLimit() const {
    std::vector<Int8Entry> entries;
    for (const Int8Entry& entry : given_) AppendWithinLimit(entry, &entries);
    return entries;
  }
};

TEST_P(Int8PairingTest, ArrangedEntriesKeepAllWeights) {
  // Sum of the weights of each channel, filter and place in the pattern.
  std::map<int, std::vector<std::array<int, kPatternEntries>>> sums;
  for (const Int8Entry& entry : WithinLimit()) {
    auto& channel = sums[entry.channel];
    channel.resize(entry.weights.size());
    EXPECT_EQ(entry.pattern, entry.channel % 8);
    for (size_t filter = 0; filter < entry.weights.size(); ++filter) {
      for (int i = 0; i < kPatternEntries; ++i) {
        channel[filter][kInt8Arrangements[entry.arrangement][i]] +=
            entry.weights[filter][i];
      }
    }
  }
  ASSERT_EQ(sums.size(), given_.size());
  for (const Int8Entry& entry : given_) {
    for (size_t filter = 0; filter < entry.weights.size(); ++filter) {
      for (int i = 0; i < kPatternEntries; ++i) {
        EXPECT_EQ(sums[entry.channel][filter][i], entry.weights[filter][i]);
      }
    }
  }
}

TEST_P(Int8PairingTest, PairsAndSinglesStayInRange) {
  const std::vector<Int8Entry> entries = WithinLimit();
  std::vector<const Int8Entry*> pointers, used;
  for (const Int8Entry& entry : entries) pointers.push_back(&entry);
  const PairedEntries paired = PairWithinLimit(pointers);
  for (const auto& [first, second] : paired.pairs) {
    ExpectInRange(*first, second);
    used.push_back(first);
    used.push_back(second);
  }
  for (const Int8Entry* entry : paired.singles) {
    ExpectInRange(*entry, nullptr);
    used.push_back(entry);
  }
  std::sort(used.begin(), used.end());
  EXPECT_EQ(used, pointers);
}

INSTANTIATE_TEST_SUITE_P(Distributions, Int8PairingTest,
                         testing::Combine(testing::Values(Weights::kGaussian,
                                                          Weights::kWide,
                                                          Weights::kExtreme),
                                          testing::Values(1, 4)));

TEST(Int8PairingEfficiencyTest, MostGaussianWeightsFindPartners) {
  std::vector<Int8Entry> entries;
  for (const Int8Entry& entry : RandomEntries(Weights::kGaussian, 4)) {
    AppendWithinLimit(entry, &entries);
  }
  EXPECT_LE(entries.size(), kChannels * 11 / 10);
  std::vector<const Int8Entry*> pointers;
  for (const Int8Entry& entry : entries) pointers.push_back(&entry);
  EXPECT_LE(PairWithinLimit(pointers).singles.size(), kChannels / 5);
}

}  // namespace
}  // namespace tf_pconv
