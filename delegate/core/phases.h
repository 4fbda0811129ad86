#ifndef TF_PCONV_DELEGATE_CORE_PHASES_H_
#define TF_PCONV_DELEGATE_CORE_PHASES_H_

// What an operator spends its time on. Nothing is measured, and next to nothing
// spent, where nobody asks.

#include <time.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace tf_pconv {

enum class Phase {
  kPack,      // finding the inputs of a tile and packing them
  kMultiply,  // multiplying; of int8 the output stage as well
  kStore,     // storing outputs; of float32 with bias and activation
};
inline constexpr int kPhases = 3;

// The fastest clock there is: phases last microseconds or less. Its ticks have
// no known length.
inline uint64_t ClockTicks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
#endif
}

// Ticks in each phase, of all threads together.
using PhaseTicks = std::array<std::atomic<uint64_t>, kPhases>;

// The stopwatch of a thread. Phases follow each other without gaps, the first
// begins with the stopwatch.
class PhaseClock {
 public:
  // Adds to `total` in the end; null measures nothing.
  explicit PhaseClock(PhaseTicks* total)
      : total_(total), last_(total == nullptr ? 0 : ClockTicks()) {}
  PhaseClock(const PhaseClock&) = delete;
  PhaseClock& operator=(const PhaseClock&) = delete;
  ~PhaseClock() {
    if (total_ == nullptr) return;
    for (int i = 0; i < kPhases; ++i) {
      (*total_)[i].fetch_add(ticks_[i], std::memory_order_relaxed);
    }
  }

  void End(Phase phase) {
    if (total_ == nullptr) return;
    const uint64_t now = ClockTicks();
    ticks_[static_cast<int>(phase)] += now - last_;
    last_ = now;
  }

 private:
  PhaseTicks* const total_;
  uint64_t last_;
  uint64_t ticks_[kPhases] = {};
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_PHASES_H_
