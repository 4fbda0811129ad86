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

TEST(ThreadPoolTest, EachShareRunsOnce) {
  for (int threads = 1; threads <= 5; ++threads) {
    auto pool = CreatePool(threads);
    ASSERT_NE(pool, nullptr);
    EXPECT_EQ(pool->threads(), threads);
    std::vector<std::atomic<int>> runs(threads);
    for (int round = 1; round <= 200; ++round) {
      pool->Run(
          [](void* context, int share, int shares) {
            auto& runs = *static_cast<std::vector<std::atomic<int>>*>(context);
            ASSERT_EQ(static_cast<size_t>(shares), runs.size());
            ++runs[share];
          },
          &runs);
      for (const auto& count : runs) ASSERT_EQ(count.load(), round);
    }
  }
}

// Whoever takes a share, another thread may write to the same memory in the
// next round.
TEST(ThreadPoolTest, SharesOfARoundEndBeforeTheNextBegins) {
  auto pool = CreatePool(4);
  std::vector<int> runs(4, 0);  // not atomic
  for (int round = 1; round <= 20000; ++round) {
    pool->Run(
        [](void* context, int share, int) {
          auto& runs = *static_cast<std::vector<int>*>(context);
          ++runs[share];
        },
        &runs);
    for (int count : runs) ASSERT_EQ(count, round);
  }
}

// The worker sleeps for as long as the caller's own share takes.
TEST(ThreadPoolTest, TheCallerRunsWhatNobodyHasBegun) {
  auto pool = CreatePool(2);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::atomic<int> by_caller{0}, runs{0};
  struct Counts {
    std::thread::id caller;
    std::atomic<int>*by_caller, *runs;
  } counts = {std::this_thread::get_id(), &by_caller, &runs};
  for (int round = 0; round < 50; ++round) {
    // Long enough for the worker to fall asleep.
    std::this_thread::sleep_for(std::chrono::microseconds(500));
    pool->Run(
        [](void* context, int, int) {
          auto& counts = *static_cast<Counts*>(context);
          ++*counts.runs;
          if (std::this_thread::get_id() == counts.caller) ++*counts.by_caller;
        },
        &counts);
  }
  EXPECT_EQ(runs.load(), 100);
  EXPECT_GT(by_caller.load(), 50);  // all its own, and some of the worker's
}

TEST(ThreadPoolTest, TheCallerTakesShareZero) {
  auto pool = CreatePool(3);
  std::thread::id zero;
  pool->Run(
      [](void* context, int share, int) {
        if (share == 0) {
          *static_cast<std::thread::id*>(context) = std::this_thread::get_id();
        }
      },
      &zero);
  EXPECT_EQ(zero, std::this_thread::get_id());
}

TEST(ThreadPoolTest, ThreadsThatFellAsleepWakeUp) {
  auto pool = CreatePool(2);
  std::atomic<int> runs{0};
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    pool->Run([](void* context, int,
                 int) { ++*static_cast<std::atomic<int>*>(context); },
              &runs);
  }
  EXPECT_EQ(runs.load(), 6);
}

TEST(ThreadPoolTest, CallersTakeTurns) {
  auto pool = CreatePool(3);
  struct Shared {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<int> runs{0};
  } shared;
  auto call = [&] {
    for (int round = 0; round < 100; ++round) {
      pool->Run(
          [](void* context, int, int shares) {
            auto* shared = static_cast<Shared*>(context);
            const int inside = ++shared->inside;
            int most = shared->most;
            while (most < inside &&
                   !shared->most.compare_exchange_weak(most, inside)) {
            }
            EXPECT_LE(inside, shares);
            ++shared->runs;
            --shared->inside;
          },
          &shared);
    }
  };
  std::thread first(call), second(call);
  first.join();
  second.join();
  EXPECT_EQ(shared.runs.load(), 600);
  EXPECT_LE(shared.most.load(), 3);
}

// Threads do not follow a fork: without care, the child would wait for ever.
TEST(ThreadPoolTest, AForkedChildRunsAllSharesItself) {
  auto pool = CreatePool(3);
  std::atomic<int> runs{0};
  const auto count = [](void* context, int, int) {
    ++*static_cast<std::atomic<int>*>(context);
  };
  pool->Run(count, &runs);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);  // ends a child that waits
    pool->Run(count, &runs);
    pool.reset();
    _exit(runs.load());
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 6);
  pool->Run(count, &runs);
  EXPECT_EQ(runs.load(), 6);
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
