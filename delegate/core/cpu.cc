#include "delegate/core/cpu.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tf_pconv {

#if defined(__x86_64__)

namespace {

bool Bit(uint32_t word, int bit) { return (word >> bit) & 1; }

// Register sets that the operating system saves (XCR0). Called only where
// OSXSAVE says that the instruction exists.
uint64_t SavedRegisters() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

}  // namespace

uint32_t CpuFeatures() {
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return 0;
  const bool osxsave = Bit(ecx, 27), avx = Bit(ecx, 28), fma = Bit(ecx, 12);
  if (!osxsave || !avx || !fma) return 0;
  constexpr uint64_t kYmm = 0x06, kZmm = 0xe6;
  const uint64_t saved = SavedRegisters();
  if ((saved & kYmm) != kYmm) return 0;

  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return 0;
  if (!Bit(ebx, 5)) return 0;
  uint32_t features = kAvx2;
  const bool avx512 =
      Bit(ebx, 16) && Bit(ebx, 17) && Bit(ebx, 30) && Bit(ebx, 31);
  if (avx512 && (saved & kZmm) == kZmm) {
    features |= kAvx512;
    if (Bit(ecx, 11)) features |= kAvx512Vnni;
    if (Bit(ecx, 1) && Bit(ecx, 6)) features |= kAvx512Vbmi;
  }
  if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) &&
      Bit(eax, 4)) {
    features |= kAvxVnni;
  }
  return features;
}

#else

uint32_t CpuFeatures() { return 0; }

#endif

size_t CacheBytes() {
  // Where the system does not tell.
  constexpr size_t kUsualBytes = 512 * 1024;
#ifdef _SC_LEVEL2_CACHE_SIZE
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > 0) return static_cast<size_t>(bytes);
#endif
  return kUsualBytes;
}

}  // namespace tf_pconv
