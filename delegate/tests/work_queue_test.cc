#include "delegate/core/work_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace tf_pconv {
namespace {

struct Case {
  int threads;
  int64_t items;
  int64_t most;
};

class WorkQueueTest : public testing::TestWithParam<Case> {
 protected:
  WorkQueueTest()
      : stretches_(GetParam().threads),
        queue_(stretches_.data(), GetParam().threads),
        taken_(GetParam().items, 0) {
    queue_.Fill(GetParam().items);
  }

  // What a thread takes; counts its items.
  WorkRange Take(int thread) {
    WorkRange range;
    if (!queue_.Take(thread, GetParam().most, &range)) return {};
    EXPECT_LT(range.begin, range.end);
    EXPECT_LE(range.end - range.begin, GetParam().most);
    for (int64_t item = range.begin; item < range.end; ++item) ++taken_[item];
    return range;
  }

  void ExpectAllTakenOnce() const {
    for (int count : taken_) EXPECT_EQ(count, 1);
  }

  std::vector<WorkQueue::Stretch> stretches_;
  WorkQueue queue_;
  std::vector<int> taken_;
};

TEST_P(WorkQueueTest, ThreadsInTurnTakeAllOnce) {
  bool any = true;
  while (any) {
    any = false;
    for (int thread = 0; thread < GetParam().threads; ++thread) {
      const WorkRange range = Take(thread);
      any = any || range.begin < range.end;
    }
  }
  ExpectAllTakenOnce();
}

TEST_P(WorkQueueTest, AnyThreadAloneTakesAllOnce) {
  const int thread = GetParam().threads - 1;
  for (WorkRange range = Take(thread); range.begin < range.end;) {
    range = Take(thread);
  }
  ExpectAllTakenOnce();
}

// Each thread begins with a stretch of its own and goes through it in order.
TEST_P(WorkQueueTest, OwnItemsComeInOrder) {
  const int threads = GetParam().threads;
  for (int thread = 0; thread < threads; ++thread) {
    int64_t next = GetParam().items * thread / threads;
    const int64_t end = GetParam().items * (thread + 1) / threads;
    while (next < end) {
      const WorkRange range = Take(thread);
      ASSERT_EQ(range.begin, next);
      ASSERT_LE(range.end, end);
      next = range.end;
    }
  }
  ExpectAllTakenOnce();
}

INSTANTIATE_TEST_SUITE_P(Queues, WorkQueueTest,
                         testing::Values(Case{1, 0, 5}, Case{1, 7, 100},
                                         Case{1, 7, 2}, Case{2, 1, 1},
                                         Case{2, 25, 100}, Case{3, 2, 4},
                                         Case{4, 1000, 6}, Case{256, 300, 1}));

// Nobody takes so much that others find nothing to do.
TEST(WorkQueueSizesTest, AThreadLeavesMostOfItsStretch) {
  WorkQueue::Stretch stretches[2];
  WorkQueue queue(stretches, 2);
  queue.Fill(80);
  WorkRange range;
  ASSERT_TRUE(queue.Take(0, 1000, &range));
  EXPECT_LE(range.end - range.begin, 10);
}

}  // namespace
}  // namespace tf_pconv
