#ifndef TF_PCONV_DELEGATE_CORE_THREAD_POOL_H_
#define TF_PCONV_DELEGATE_CORE_THREAD_POOL_H_

#include <array>
#include <cstdint>
#include <memory>

#include "delegate/core/status.h"
#include "delegate/core/work_queue.h"

namespace tf_pconv {

inline constexpr int kMaxThreads = 256;

// How many items are in each queue of some work.
inline constexpr int kWorkQueues = 2;
using WorkSizes = std::array<int64_t, kWorkQueues>;

// A fixed set of threads that share the items of one task at a time.
class ThreadPool {
 public:
  // What a thread does of a task: it takes items until none are left, and each
  // item is one thread's.
  class Share {
   public:
    Share(int thread, WorkQueue* queues) : thread_(thread), queues_(queues) {}

    int thread() const { return thread_; }  // 0 is the caller

    bool Take(int queue, int64_t most, WorkRange* taken) const {
      return queues_[queue].Take(thread_, most, taken);
    }

   private:
    const int thread_;
    WorkQueue* const queues_;
  };

  using Task = void (*)(void* context, const Share& share);

  virtual ~ThreadPool() = default;

  // A pool of `threads` threads, the caller's among them.
  static std::unique_ptr<ThreadPool> Create(int threads, Status* status);

  virtual int threads() const = 0;

  // Runs the task on the caller's thread and on those that have begun before
  // nothing is left to take, and waits for them. Callers from several threads
  // take turns. A forked child has none of the threads: its caller does all.
  virtual void Run(const WorkSizes& sizes, Task task, void* context) = 0;
};

// Runs the task on the pool; where that is null, on this thread.
void RunTask(ThreadPool* pool, const WorkSizes& sizes, ThreadPool::Task task,
             void* context);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_THREAD_POOL_H_
