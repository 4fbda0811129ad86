#include "delegate/tflite/memory_plan.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "delegate/core/alignment.h"

namespace tf_pconv {
namespace {

void ExpectNoOverlap(const std::vector<BufferUse>& uses, size_t total) {
  for (size_t i = 0; i < uses.size(); ++i) {
    const BufferUse& a = uses[i];
    EXPECT_EQ(a.offset % kAlignment, 0u);
    EXPECT_LE(a.offset + a.bytes, total);
    for (size_t j = 0; j < i; ++j) {
      const BufferUse& b = uses[j];
      const bool together =
          a.first_pass <= b.last_pass && b.first_pass <= a.last_pass;
      const bool apart =
          a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
      EXPECT_TRUE(!together || apart) << "buffers " << i << " and " << j;
    }
  }
}

TEST(MemoryPlanTest, NothingNeedsNothing) {
  std::vector<BufferUse> uses;
  EXPECT_EQ(PlanMemory(&uses), 0u);
}

TEST(MemoryPlanTest, AChainAlternatesBetweenTwoBuffers) {
  std::vector<BufferUse> uses;
  for (int step = 0; step < 10; ++step) {
    uses.push_back({1000, step, step + 1});
  }
  const size_t total = PlanMemory(&uses);
  EXPECT_EQ(total, 2 * AlignUp(1000));
  ExpectNoOverlap(uses, total);
}

TEST(MemoryPlanTest, SmallBuffersFillTheGapsOfLargeOnes) {
  std::vector<BufferUse> uses = {{6400, 0, 1}, {64, 2, 3}, {6400, 3, 4}};
  EXPECT_EQ(PlanMemory(&uses), 6400u + 64u);
}

TEST(MemoryPlanTest, RandomBuffersDoNotOverlap) {
  constexpr unsigned kSeed = 5;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferUse> uses;
    size_t sum = 0;
    for (int i = 0; i < 20; ++i) {
      const int first = random() % 15;
      uses.push_back(
          {random() % 500, first, first + static_cast<int>(random() % 5)});
      sum += AlignUp(uses.back().bytes);
    }
    const size_t total = PlanMemory(&uses);
    ExpectNoOverlap(uses, total);
    EXPECT_LE(total, sum);
  }
}

}  // namespace
}  // namespace tf_pconv
