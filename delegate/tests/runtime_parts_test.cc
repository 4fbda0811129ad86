#include "delegate/tflite/runtime_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;

constexpr bool kTaken = true;
constexpr bool kLeft = false;

// Tensor 0 is the graph's input; node i computes tensor i + 1.
std::vector<int> PartsOf(
    const std::vector<std::pair<std::vector<int>, bool>>& graph) {
  std::vector<PlannedNode> nodes;
  for (const auto& [inputs, is_taken] : graph) {
    const int output = static_cast<int>(nodes.size()) + 1;
    nodes.push_back({inputs, {output}, is_taken});
  }
  return FindRuntimeParts(nodes);
}

TEST(RuntimePartsTest, AChainIsCutWhereTheSideChanges) {
  EXPECT_THAT(PartsOf({{{0}, kLeft},
                       {{1}, kTaken},
                       {{2}, kTaken},
                       {{3}, kLeft},
                       {{4}, kTaken}}),
              ElementsAre(0, 1, 1, 2, 3));
}

// Nodes that read each other's outputs, and yet run in two parts.
TEST(RuntimePartsTest, WhatWaitsForTheOtherSideComesLater) {
  EXPECT_THAT(PartsOf({{{0}, kTaken},       // convolution
                       {{1}, kTaken},       // mean
                       {{2}, kLeft},        // gate
                       {{1, 3}, kTaken}}),  // product
              ElementsAre(0, 0, 1, 2));
}

TEST(RuntimePartsTest, BranchesOfOneSideRunTogether) {
  EXPECT_THAT(PartsOf({{{0}, kTaken},
                       {{1}, kLeft},
                       {{1}, kTaken},
                       {{0}, kTaken},
                       {{2}, kTaken},
                       {{2}, kLeft}}),
              ElementsAre(0, 1, 0, 0, 2, 1));
}

TEST(RuntimePartsTest, WhatCanNeverRunIsAPart) {
  EXPECT_THAT(PartsOf({{{0}, kTaken}, {{3}, kTaken}, {{2}, kLeft}}),
              ElementsAre(0, 1, 1));
}

TEST(RuntimePartsTest, AnEmptyGraphHasNone) {
  EXPECT_TRUE(PartsOf({}).empty());
}

}  // namespace
}  // namespace tf_pconv
