#include "delegate/core/phases.h"

#include <gtest/gtest.h>

namespace tf_pconv {
namespace {

uint64_t Ticks(const PhaseTicks& ticks, Phase phase) {
  return ticks[static_cast<int>(phase)].load();
}

// Lets some ticks pass.
void Wait() {
  const uint64_t begin = ClockTicks();
  while (ClockTicks() - begin < 1000) continue;
}

TEST(PhaseClockTest, PhasesFollowEachOther) {
  PhaseTicks ticks = {};
  const uint64_t begin = ClockTicks();
  {
    PhaseClock clock(&ticks);
    for (int i = 0; i < 3; ++i) {
      Wait();
      clock.End(Phase::kPack);
    }
    Wait();
    clock.End(Phase::kStore);
  }
  const uint64_t all = ClockTicks() - begin;
  EXPECT_GE(Ticks(ticks, Phase::kPack), 3000u);
  EXPECT_EQ(Ticks(ticks, Phase::kMultiply), 0u);
  EXPECT_GE(Ticks(ticks, Phase::kStore), 1000u);
  EXPECT_LE(Ticks(ticks, Phase::kPack) + Ticks(ticks, Phase::kStore), all);
}

TEST(PhaseClockTest, ClocksAddUp) {
  PhaseTicks ticks = {};
  uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    {
      PhaseClock clock(&ticks);
      Wait();
      clock.End(Phase::kMultiply);
    }
    EXPECT_GE(Ticks(ticks, Phase::kMultiply), before + 1000);
    before = Ticks(ticks, Phase::kMultiply);
  }
}

TEST(PhaseClockTest, NobodyNeedsToAsk) {
  PhaseClock clock(nullptr);
  clock.End(Phase::kPack);
}

}  // namespace
}  // namespace tf_pconv
