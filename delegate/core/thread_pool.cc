#include "delegate/core/thread_pool.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "delegate/core/alignment.h"

namespace tf_pconv {
namespace {

// How often a worker looks for a share before it sleeps. Layers follow each
// other within microseconds, which is less than it takes to wake a thread.
constexpr int kWorkerSpins = 2000;
// How often the caller looks whether a worker has finished: shares are about
// equal, and the caller has nothing else to do.
constexpr int kCallerSpins = 20000;

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
    if (IsForked()) return;
    {
      MutexLock lock(&mutex_);
      ending_ = true;
      pthread_cond_broadcast(&opened_);
    }
    for (int i = 0; i < started_; ++i) {
      pthread_join(workers_[i].thread, nullptr);
    }
  }

  Status Start() {
    workers_.reset(new (std::nothrow) Worker[threads_ - 1]);
    if (workers_ == nullptr) {
      return Status::Error("out of memory for %d threads", threads_);
    }
    for (; started_ < threads_ - 1; ++started_) {
      Worker& worker = workers_[started_];
      worker.pool = this;
      worker.share = started_ + 1;
      const int error =
          pthread_create(&worker.thread, nullptr, &WorkerMain, &worker);
      if (error != 0) {
        return Status::Error("cannot start thread %d of %d: %s",
                             worker.share + 1, threads_, strerror(error));
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
    task_ = task;
    context_ = context;
    OpenShares();
    task(context, 0, threads_);
    // A worker may take long to wake up, or another program have its processor.
    for (int i = 0; i < started_; ++i) {
      if (Take(&workers_[i])) {
        task(context, workers_[i].share, threads_);
        workers_[i].state.store(State::kIdle);
      }
    }
    for (int i = 0; i < started_; ++i) WaitFor(workers_[i]);
  }

 private:
  enum class State { kIdle, kOpen, kTaken };

  struct Worker {
    PthreadPool* pool = nullptr;
    int share = 0;
    pthread_t thread = {};
    std::atomic<State> state{State::kIdle};  // of the share
    char apart[kAlignment] = {};  // workers look at their states all the time
  };

  // Whether this is a child of the process that made the pool: threads do not
  // follow a fork, and nobody would take a worker's share.
  bool IsForked() const { return getpid() != process_; }

  static void* WorkerMain(void* argument) {
    Worker* worker = static_cast<Worker*>(argument);
    worker->pool->Work(worker);
    return nullptr;
  }

  void Work(Worker* worker) {
    while (WaitForShare(worker)) {
      task_(context_, worker->share, threads_);
      worker->state.store(State::kIdle);
      if (!caller_sleeps_.load()) continue;
      MutexLock lock(&mutex_);
      pthread_cond_signal(&finished_);
    }
  }

  // Takes the worker's share, unless somebody has: the task and its context
  // then stay until it is done.
  static bool Take(Worker* worker) {
    State open = State::kOpen;
    return worker->state.compare_exchange_strong(open, State::kTaken);
  }

  // Lets workers take their shares.
  void OpenShares() {
    for (int i = 0; i < started_; ++i) workers_[i].state.store(State::kOpen);
    if (sleeping_.load() == 0) return;
    MutexLock lock(&mutex_);
    pthread_cond_broadcast(&opened_);
  }

  // Waits until the worker's share is taken for it. False where the pool ends.
  bool WaitForShare(Worker* worker) {
    for (int spin = 0; spin < kWorkerSpins; ++spin) {
      if (IsOpen(*worker) && Take(worker)) return true;
      Pause();
    }
    MutexLock lock(&mutex_);
    // Before the share is looked at again: who opens it looks the other way
    // round.
    ++sleeping_;
    bool taken = Take(worker);
    while (!taken && !ending_) {
      pthread_cond_wait(&opened_, &mutex_);
      taken = Take(worker);
    }
    --sleeping_;
    return taken;
  }

  static bool IsOpen(const Worker& worker) {
    return worker.state.load(std::memory_order_relaxed) == State::kOpen;
  }

  void WaitFor(const Worker& worker) {
    for (int spin = 0; spin < kCallerSpins; ++spin) {
      if (worker.state.load() == State::kIdle) return;
      Pause();
    }
    MutexLock lock(&mutex_);
    caller_sleeps_.store(true);
    while (worker.state.load() != State::kIdle) {
      pthread_cond_wait(&finished_, &mutex_);
    }
    caller_sleeps_.store(false);
  }

  const int threads_;
  const pid_t process_;
  std::unique_ptr<Worker[]> workers_;  // all threads but the caller's
  int started_ = 0;

  pthread_mutex_t turn_mutex_ = PTHREAD_MUTEX_INITIALIZER;  // held by Run
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t opened_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t finished_ = PTHREAD_COND_INITIALIZER;
  Task task_ = nullptr;
  void* context_ = nullptr;
  bool ending_ = false;
  std::atomic<int> sleeping_{0};  // workers
  std::atomic<bool> caller_sleeps_{false};
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
