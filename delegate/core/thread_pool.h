#ifndef TF_PCONV_DELEGATE_CORE_THREAD_POOL_H_
#define TF_PCONV_DELEGATE_CORE_THREAD_POOL_H_

#include <memory>

#include "delegate/core/status.h"

namespace tf_pconv {

inline constexpr int kMaxThreads = 256;

// A fixed set of threads that run one task at a time, split into shares.
class ThreadPool {
 public:
  // `task(context, share, shares)` is called once for each share.
  using Task = void (*)(void* context, int share, int shares);

  virtual ~ThreadPool() = default;

  // A pool of `threads` threads, the caller's among them.
  static std::unique_ptr<ThreadPool> Create(int threads, Status* status);

  virtual int threads() const = 0;

  // Runs the task on all threads, the caller's included, and waits for it. The
  // caller also runs the shares that other threads have not begun when it is
  // done with its own. Callers from several threads take turns. A forked child
  // has none of the threads: its caller runs all shares.
  virtual void Run(Task task, void* context) = 0;
};

// Runs the task on the pool; where that is null, as one share in this thread.
inline void RunShares(ThreadPool* pool, ThreadPool::Task task, void* context) {
  if (pool == nullptr) {
    task(context, 0, 1);
  } else {
    pool->Run(task, context);
  }
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_THREAD_POOL_H_
