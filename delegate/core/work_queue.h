#ifndef TF_PCONV_DELEGATE_CORE_WORK_QUEUE_H_
#define TF_PCONV_DELEGATE_CORE_WORK_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "delegate/core/alignment.h"

namespace tf_pconv {

// The items [begin, end) of some work.
struct WorkRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Items of work that threads take, numbered from 0. Each thread has a stretch
// of its own and takes from its beginning, so that it goes through neighbours
// in their order; when nothing is left there, it takes from the end of others':
// cores differ in speed, and other programs want them too.
class WorkQueue {
 public:
  // What is left of a thread's stretch: begin and end, 32 bits each.
  struct Stretch {
    std::atomic<uint64_t> items{0};
    char apart[kAlignment] = {};  // threads look at their own all the time
  };

  WorkQueue() = default;
  // `stretches`, one for each thread, outlive this.
  WorkQueue(Stretch* stretches, int threads)
      : stretches_(stretches), threads_(threads) {}

  // Fewer than 2^32, and while nobody takes any.
  void Fill(int64_t items) {
    for (int thread = 0; thread < threads_; ++thread) {
      stretches_[thread].items.store(
          Join({items * thread / threads_, items * (thread + 1) / threads_}),
          std::memory_order_relaxed);
    }
  }

  // Takes items that follow each other, at most `most`. False where none are
  // left.
  bool Take(int thread, int64_t most, WorkRange* taken) {
    if (TakeFrom(thread, most, taken, &TakeFirst)) return true;
    for (int i = 1; i < threads_; ++i) {
      const int other = (thread + i) % threads_;
      if (TakeFrom(other, most, taken, &TakeLast)) return true;
    }
    return false;
  }

 private:
  static uint64_t Join(WorkRange range) {
    return static_cast<uint64_t>(range.begin) << 32 |
           static_cast<uint64_t>(range.end);
  }
  static WorkRange Split(uint64_t items) {
    return {static_cast<int64_t>(items >> 32),
            static_cast<int64_t>(items & UINT32_MAX)};
  }

  static WorkRange TakeFirst(int64_t count, WorkRange* left) {
    left->begin += count;
    return {left->begin - count, left->begin};
  }
  static WorkRange TakeLast(int64_t count, WorkRange* left) {
    left->end -= count;
    return {left->end, left->end + count};
  }

  bool TakeFrom(int thread, int64_t most, WorkRange* taken,
                WorkRange (*take)(int64_t count, WorkRange* left)) {
    std::atomic<uint64_t>& items = stretches_[thread].items;
    uint64_t seen = items.load(std::memory_order_relaxed);
    for (;;) {
      WorkRange left = Split(seen);
      const int64_t size = left.end - left.begin;
      if (size == 0) return false;
      // A part only, so that others find some when they have nothing to do.
      constexpr int kParts = 4;
      const int64_t part = threads_ == 1 ? size : size / kParts;
      *taken = take(std::clamp<int64_t>(part, 1, most), &left);
      if (items.compare_exchange_weak(seen, Join(left),
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
  }

  Stretch* stretches_ = nullptr;
  int threads_ = 0;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WORK_QUEUE_H_
