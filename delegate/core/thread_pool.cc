#include "delegate/core/thread_pool.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace tf_pconv {
namespace {

// How often a thread looks for news before it sleeps. Layers follow each other
// within microseconds, which is less than it takes to wake a thread.
constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class MutexLock {
 public:
  explicit MutexLock(pthread_mutex_t* mutex) : mutex_(mutex) {
    pthread_mutex_lock(mutex_);
  }
  ~MutexLock() { pthread_mutex_unlock(mutex_); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  pthread_mutex_t* const mutex_;
};

class PthreadPool : public ThreadPool {
 public:
  explicit PthreadPool(int threads) : threads_(threads), process_(getpid()) {}

  ~PthreadPool() override {
    if (workers_.empty() || IsForked()) return;
    StartWorkers(nullptr, nullptr);
    for (const Worker& worker : workers_) pthread_join(worker.thread, nullptr);
  }

  Status Start() {
    // Workers keep pointers to their entries, so the vector must not move.
    workers_.reserve(threads_ - 1);
    for (int share = 1; share < threads_; ++share) {
      workers_.push_back({this, share, {}});
      const int error = pthread_create(&workers_.back().thread, nullptr,
                                       &WorkerMain, &workers_.back());
      if (error != 0) {
        workers_.pop_back();
        return Status::Error("cannot start thread %d of %d: %s", share + 1,
                             threads_, strerror(error));
      }
    }
    return Status();
  }

  int threads() const override { return threads_; }

  void Run(Task task, void* context) override {
    if (IsForked()) {
      for (int share = 0; share < threads_; ++share) {
        task(context, share, threads_);
      }
      return;
    }
    MutexLock turn(&turn_mutex_);
    if (!workers_.empty()) StartWorkers(task, context);
    task(context, 0, threads_);
    WaitForWorkers();
  }

 private:
  struct Worker {
    PthreadPool* pool;
    int share;
    pthread_t thread;
  };

  // Whether this is a child of the process that made the pool: threads do not
  // follow a fork, and nobody would take a worker's share.
  bool IsForked() const { return getpid() != process_; }

  static void* WorkerMain(void* argument) {
    const Worker* worker = static_cast<const Worker*>(argument);
    worker->pool->Work(worker->share);
    return nullptr;
  }

  void Work(int share) {
    for (uint32_t done = 0;; ++done) {
      WaitForRound(done);
      if (task_ == nullptr) return;
      task_(context_, share, threads_);
      if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        MutexLock lock(&mutex_);
        pthread_cond_signal(&finished_);
      }
    }
  }

  // Begins a round; a null task ends the workers.
  void StartWorkers(Task task, void* context) {
    MutexLock lock(&mutex_);
    task_ = task;
    context_ = context;
    working_.store(static_cast<int>(workers_.size()),
                   std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
    pthread_cond_broadcast(&started_);
  }

  void WaitForRound(uint32_t done) {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (round_.load(std::memory_order_acquire) != done) return;
      Pause();
    }
    MutexLock lock(&mutex_);
    while (round_.load(std::memory_order_acquire) == done) {
      pthread_cond_wait(&started_, &mutex_);
    }
  }

  void WaitForWorkers() {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (working_.load(std::memory_order_acquire) == 0) return;
      Pause();
    }
    MutexLock lock(&mutex_);
    while (working_.load(std::memory_order_acquire) != 0) {
      pthread_cond_wait(&finished_, &mutex_);
    }
  }

  const int threads_;
  const pid_t process_;
  std::vector<Worker> workers_;  // all threads but the caller's

  pthread_mutex_t turn_mutex_ = PTHREAD_MUTEX_INITIALIZER;  // held by Run
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t started_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t finished_ = PTHREAD_COND_INITIALIZER;
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::atomic<uint32_t> round_{0};
  std::atomic<int> working_{0};
};

}  // namespace

std::unique_ptr<ThreadPool> ThreadPool::Create(int threads, Status* status) {
  if (threads < 1 || threads > kMaxThreads) {
    *status = Status::Error("a thread pool has 1 to %d threads, not %d",
                            kMaxThreads, threads);
    return nullptr;
  }
  std::unique_ptr<PthreadPool> pool(new (std::nothrow) PthreadPool(threads));
  if (pool == nullptr) {
    *status = Status::Error("out of memory for a thread pool");
    return nullptr;
  }
  *status = pool->Start();
  if (!status->ok()) return nullptr;
  return pool;
}

}  // namespace tf_pconv
