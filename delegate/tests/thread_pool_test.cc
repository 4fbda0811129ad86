#include "delegate/core/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tf_pconv {
namespace {

std::unique_ptr<ThreadPool> CreatePool(int threads) {
  Status status;
  auto pool = ThreadPool::Create(threads, &status);
  EXPECT_TRUE(status.ok()) << status.message();
  return pool;
}

// Takes items of the first queue one by one and counts each.
void CountItems(void* context, const ThreadPool::Share& share) {
  auto& counts = *static_cast<std::vector<std::atomic<int>>*>(context);
  WorkRange taken;
  while (share.Take(0, 1, &taken)) ++counts[taken.begin];
}

TEST(ThreadPoolTest, EachItemIsTakenOnce) {
  for (int threads = 1; threads <= 5; ++threads) {
    auto pool = CreatePool(threads);
    ASSERT_NE(pool, nullptr);
    EXPECT_EQ(pool->threads(), threads);
    for (int items : {0, 1, 2, 3, 7, 50}) {
      std::vector<std::atomic<int>> counts(items);
      for (int round = 1; round <= 200; ++round) {
        pool->Run({items}, CountItems, &counts);
        for (const auto& count : counts) ASSERT_EQ(count.load(), round);
      }
    }
  }
}

TEST(ThreadPoolTest, QueuesHoldWhatTheyWereGiven) {
  auto pool = CreatePool(3);
  std::atomic<int> taken[kWorkQueues] = {};
  pool->Run(
      {20, 30},
      [](void* context, const ThreadPool::Share& share) {
        auto* taken = static_cast<std::atomic<int>*>(context);
        for (int queue = 0; queue < kWorkQueues; ++queue) {
          WorkRange range;
          while (share.Take(queue, 4, &range)) {
            taken[queue] += static_cast<int>(range.end - range.begin);
          }
        }
      },
      taken);
  EXPECT_EQ(taken[0].load(), 20);
  EXPECT_EQ(taken[1].load(), 30);
}

// Whoever takes an item, another thread may write to the same memory in the
// next round.
TEST(ThreadPoolTest, ItemsOfARoundEndBeforeTheNextBegins) {
  auto pool = CreatePool(4);
  std::vector<int> runs(4, 0);  // not atomic
  for (int round = 1; round <= 20000; ++round) {
    pool->Run(
        {4},
        [](void* context, const ThreadPool::Share& share) {
          WorkRange taken;
          while (share.Take(0, 1, &taken)) {
            ++(*static_cast<std::vector<int>*>(context))[taken.begin];
          }
        },
        &runs);
    for (int count : runs) ASSERT_EQ(count, round);
  }
}

// A thread that takes its time with an item leaves the others to the rest.
TEST(ThreadPoolTest, OthersDoWhatASlowThreadHasNotBegun) {
  auto pool = CreatePool(2);
  constexpr int kItems = 40;
  std::atomic<int> done{0};
  for (int round = 0; round < 20; ++round) {
    done = 0;
    pool->Run(
        {kItems},
        [](void* context, const ThreadPool::Share& share) {
          auto& done = *static_cast<std::atomic<int>*>(context);
          WorkRange taken;
          while (share.Take(0, 1, &taken)) {
            // The worker's first item ends when all others have: nobody but the
            // caller can do them.
            while (share.thread() == 1 && done.load() < kItems - 1) {
            }
            ++done;
          }
        },
        &done);
    EXPECT_EQ(done.load(), kItems);
  }
}

TEST(ThreadPoolTest, TheCallerIsThreadZero) {
  auto pool = CreatePool(3);
  std::thread::id zero;
  pool->Run(
      {9},
      [](void* context, const ThreadPool::Share& share) {
        if (share.thread() == 0) {
          *static_cast<std::thread::id*>(context) = std::this_thread::get_id();
        }
      },
      &zero);
  EXPECT_EQ(zero, std::this_thread::get_id());
}

TEST(ThreadPoolTest, ThreadsThatFellAsleepWakeUp) {
  auto pool = CreatePool(2);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<bool> woke{false};
    pool->Run(
        {2},
        [](void* context, const ThreadPool::Share& share) {
          auto& woke = *static_cast<std::atomic<bool>*>(context);
          WorkRange taken;
          if (share.thread() == 1) woke = true;
          // The caller stays for as long as the worker sleeps.
          while (share.Take(0, 1, &taken) || !woke.load()) {
          }
        },
        &woke);
    EXPECT_TRUE(woke.load());
  }
}

TEST(ThreadPoolTest, CallersTakeTurns) {
  auto pool = CreatePool(3);
  struct Shared {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<int> items{0};
  } shared;
  auto call = [&] {
    for (int round = 0; round < 100; ++round) {
      pool->Run(
          {3},
          [](void* context, const ThreadPool::Share& share) {
            auto* shared = static_cast<Shared*>(context);
            const int inside = ++shared->inside;
            int most = shared->most;
            while (most < inside &&
                   !shared->most.compare_exchange_weak(most, inside)) {
            }
            EXPECT_LE(inside, 3);
            WorkRange taken;
            while (share.Take(0, 1, &taken)) ++shared->items;
            --shared->inside;
          },
          &shared);
    }
  };
  std::thread first(call), second(call);
  first.join();
  second.join();
  EXPECT_EQ(shared.items.load(), 600);
  EXPECT_LE(shared.most.load(), 3);
}

// Forks, and expects the child to count items with the pool, and to end.
void ExpectChildCounts(std::unique_ptr<ThreadPool>* pool) {
  std::vector<std::atomic<int>> counts(5);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);  // ends a child that waits
    (*pool)->Run({5}, CountItems, &counts);
    pool->reset();
    int sum = 0;
    for (const auto& count : counts) sum += count.load();
    _exit(sum);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 5);
}

// Threads do not follow a fork: without care, the child would wait for ever.
TEST(ThreadPoolTest, AForkedChildDoesAllItself) {
  auto pool = CreatePool(3);
  std::vector<std::atomic<int>> counts(5);
  pool->Run({5}, CountItems, &counts);
  ExpectChildCounts(&pool);
  pool->Run({5}, CountItems, &counts);
  for (const auto& count : counts) EXPECT_EQ(count.load(), 2);
}

struct Gate {
  std::atomic<bool> entered{false};
  std::atomic<bool> open{false};
};

void WaitAtGate(void* context, const ThreadPool::Share&) {
  Gate& gate = *static_cast<Gate*>(context);
  gate.entered = true;
  while (!gate.open) std::this_thread::yield();
}

TEST(ThreadPoolTest, AForkFindsThePoolAtWork) {
  auto pool = CreatePool(2);
  Gate gate;
  std::thread busy([&] { pool->Run({1}, WaitAtGate, &gate); });
  while (!gate.entered) std::this_thread::yield();
  ExpectChildCounts(&pool);
  gate.open = true;
  busy.join();
}

TEST(ThreadPoolTest, BadCountsAreRefused) {
  for (int threads : {-1, 0, 257}) {
    Status status;
    EXPECT_EQ(ThreadPool::Create(threads, &status), nullptr);
    EXPECT_THAT(status.message(), testing::HasSubstr("1 to 256"));
  }
}

}  // namespace
}  // namespace tf_pconv
