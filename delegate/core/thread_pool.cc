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

// How often a worker looks whether it is called before it sleeps: some hundred
// microseconds on x86. Waking it takes tens of them, in which the caller works
// alone; what the runtime does between two regions often takes less than that.
constexpr int kWorkerSpins = 10000;
// How often the caller looks whether a worker has finished: that has only what
// it took last to do, and the caller nothing else.
constexpr int kCallerSpins = 20000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Does all in the caller's thread.
void RunAlone(const WorkSizes& sizes, ThreadPool::Task task, void* context) {
  WorkQueue::Stretch stretches[kWorkQueues];
  WorkQueue queues[kWorkQueues];
  for (int i = 0; i < kWorkQueues; ++i) {
    queues[i] = WorkQueue(&stretches[i], 1);
    queues[i].Fill(sizes[i]);
  }
  task(context, ThreadPool::Share(0, queues));
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
      pthread_cond_broadcast(&called_);
    }
    for (int i = 0; i < started_; ++i) {
      pthread_join(workers_[i].thread, nullptr);
    }
  }

  Status Start() {
    workers_.reset(new (std::nothrow) Worker[threads_ - 1]);
    stretches_.reset(new (std::nothrow)
                         WorkQueue::Stretch[threads_ * kWorkQueues]);
    if (workers_ == nullptr || stretches_ == nullptr) {
      return Status::Error("out of memory for %d threads", threads_);
    }
    for (int i = 0; i < kWorkQueues; ++i) {
      queues_[i] = WorkQueue(stretches_.get() + i * threads_, threads_);
    }
    for (; started_ < threads_ - 1; ++started_) {
      Worker& worker = workers_[started_];
      worker.pool = this;
      worker.number = started_ + 1;
      const int error =
          pthread_create(&worker.thread, nullptr, &WorkerMain, &worker);
      if (error != 0) {
        return Status::Error("cannot start thread %d of %d: %s",
                             worker.number + 1, threads_, strerror(error));
      }
    }
    return Status();
  }

  int threads() const override { return threads_; }

  void Run(const WorkSizes& sizes, Task task, void* context) override {
    // The mutex of a child may be that of a thread which did not follow it.
    if (IsForked()) {
      RunAlone(sizes, task, context);
      return;
    }
    MutexLock turn(&turn_mutex_);
    int64_t items = 0;
    for (int i = 0; i < kWorkQueues; ++i) {
      queues_[i].Fill(sizes[i]);
      items += sizes[i];
    }
    task_ = task;
    context_ = context;
    const bool alone = items <= 1;
    if (!alone) CallWorkers();
    RunShare(0);
    if (alone) return;
    // Who has not begun by now finds nothing to take: it may take long to wake
    // up, or another program have its processor.
    for (int i = 0; i < started_; ++i) {
      if (!Move(State::kCalled, State::kIdle, &workers_[i])) {
        WaitFor(workers_[i]);
      }
    }
  }

 private:
  enum class State { kIdle, kCalled, kBusy };

  struct Worker {
    PthreadPool* pool = nullptr;
    int number = 0;  // of the thread
    pthread_t thread = {};
    std::atomic<State> state{State::kIdle};
    char apart[kAlignment] = {};  // workers look at their states all the time
  };

  // Whether this is a child of the process that made the pool: threads do not
  // follow a fork.
  bool IsForked() const { return getpid() != process_; }

  static void* WorkerMain(void* argument) {
    Worker* worker = static_cast<Worker*>(argument);
    worker->pool->Work(worker);
    return nullptr;
  }

  void RunShare(int thread) { task_(context_, Share(thread, queues_)); }

  void Work(Worker* worker) {
    while (WaitForCall(worker)) {
      RunShare(worker->number);
      worker->state.store(State::kIdle);
      if (!caller_sleeps_.load()) continue;
      MutexLock lock(&mutex_);
      pthread_cond_signal(&finished_);
    }
  }

  // False where another thread was faster, or the state is not `from`.
  static bool Move(State from, State to, Worker* worker) {
    return worker->state.compare_exchange_strong(from, to);
  }

  void CallWorkers() {
    for (int i = 0; i < started_; ++i) {
      workers_[i].state.store(State::kCalled);
    }
    if (sleeping_.load() == 0) return;
    MutexLock lock(&mutex_);
    pthread_cond_broadcast(&called_);
  }

  // Waits until the worker is called. False where the pool ends.
  bool WaitForCall(Worker* worker) {
    for (;;) {
      for (int spin = 0; spin < kWorkerSpins; ++spin) {
        if (IsCalled(*worker) && Begin(worker)) return true;
        Pause();
      }
      MutexLock lock(&mutex_);
      // Before the state is looked at again: who calls looks the other way
      // round.
      ++sleeping_;
      bool begun = Begin(worker);
      if (!begun && !ending_) {
        pthread_cond_wait(&called_, &mutex_);
        begun = Begin(worker);
      }
      --sleeping_;
      if (begun) return true;
      if (ending_) return false;
      // Too late for what it was called for; the next call will soon follow.
    }
  }

  static bool IsCalled(const Worker& worker) {
    return worker.state.load(std::memory_order_relaxed) == State::kCalled;
  }
  static bool Begin(Worker* worker) {
    return Move(State::kCalled, State::kBusy, worker);
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
  pthread_cond_t called_ = PTHREAD_COND_INITIALIZER;
  pthread_cond_t finished_ = PTHREAD_COND_INITIALIZER;
  // Of the task that runs.
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::unique_ptr<WorkQueue::Stretch[]> stretches_;
  WorkQueue queues_[kWorkQueues];
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

void RunTask(ThreadPool* pool, const WorkSizes& sizes, ThreadPool::Task task,
             void* context) {
  if (pool != nullptr) {
    pool->Run(sizes, task, context);
  } else {
    RunAlone(sizes, task, context);
  }
}

}  // namespace tf_pconv
