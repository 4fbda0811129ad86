// Measures what the processor could do at best, for programs that say what
// share of it a model reaches. Each call takes some hundredths of a second.

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "delegate/core/cpu.h"

#define TF_PCONV_EXPORT extern "C" __attribute__((visibility("default")))

namespace tf_pconv {
namespace {

double Seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

// How often `run()` runs in a second, at best.
template <typename Run>
double Rate(Run run) {
  constexpr double kTurn = 2e-3;
  constexpr int kTurns = 8;
  double best = 0.0;
  for (int i = 0; i < kTurns; ++i) {
    const double begin = Seconds();
    double passed = 0.0;
    int64_t runs = 0;
    for (; passed < kTurn; ++runs) {
      run();
      passed = Seconds() - begin;
    }
    best = std::max(best, double(runs) / passed);
  }
  return best;
}

// One run of a loop.
constexpr int kRounds = 2000;
// Sums that do not wait for each other: more than any processor needs.
constexpr int kSums = 12;
// What reading does without looking whether it is at the end.
constexpr int kReadBytes = 512;

#if defined(__x86_64__)

// The assembly is empty: it keeps the compiler from seeing that all sums are
// the same, and unused.

__attribute__((target("avx512f,avx512vnni"))) void Dot512() {
  __m512i sums[kSums] = {};
  const __m512i ones = _mm512_set1_epi8(1);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (__m512i& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, ones, ones);
      __asm__ volatile("" : "+v"(sum));
    }
  }
}

__attribute__((target("avx2,avxvnni"))) void Dot256() {
  __m256i sums[kSums] = {};
  const __m256i ones = _mm256_set1_epi8(1);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (__m256i& sum : sums) {
      sum = _mm256_dpbusd_avx_epi32(sum, ones, ones);
      __asm__ volatile("" : "+x"(sum));
    }
  }
}

// Without dot products: pairs of products, added in 16 bits.
__attribute__((target("avx2"))) void Pairs256() {
  __m256i sums[kSums] = {};
  __m256i ones = _mm256_set1_epi8(1);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (__m256i& sum : sums) {
      __asm__ volatile("" : "+x"(ones));
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(ones, ones));
      __asm__ volatile("" : "+x"(sum));
    }
  }
}

__attribute__((target("avx512f"))) void Fma512() {
  __m512 sums[kSums] = {};
  const __m512 ones = _mm512_set1_ps(1.0f);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (__m512& sum : sums) {
      sum = _mm512_fmadd_ps(ones, ones, sum);
      __asm__ volatile("" : "+v"(sum));
    }
  }
}

__attribute__((target("avx2,fma"))) void Fma256() {
  __m256 sums[kSums] = {};
  const __m256 ones = _mm256_set1_ps(1.0f);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (__m256& sum : sums) {
      sum = _mm256_fmadd_ps(ones, ones, sum);
      __asm__ volatile("" : "+x"(sum));
    }
  }
}

__attribute__((target("avx512f"))) void Read512(const uint8_t* data,
                                                size_t bytes) {
  for (const uint8_t* end = data + bytes; data != end; data += kReadBytes) {
#pragma GCC unroll 8
    for (int i = 0; i < kReadBytes; i += 64) {
      __asm__ volatile("" : : "v"(_mm512_load_si512(data + i)));
    }
  }
}

__attribute__((target("avx2"))) void Read256(const uint8_t* data,
                                             size_t bytes) {
  for (const uint8_t* end = data + bytes; data != end; data += kReadBytes) {
#pragma GCC unroll 16
    for (int i = 0; i < kReadBytes; i += 32) {
      __asm__ volatile(
          ""
          :
          : "x"(_mm256_load_si256(reinterpret_cast<const __m256i*>(data + i))));
    }
  }
}

// The fastest instructions of kernels of a type and an instruction set.
constexpr struct {
  std::string_view type;  // how names of kernels begin and end
  std::string_view set;
  uint32_t features;
  int multiply_adds;  // of one instruction
  void (*run)();
} kInstructions[] = {
    {"qs8-", "-avx512vnni", kAvx512 | kAvx512Vnni, 64, Dot512},
    {"qs8-", "-avx512vbmi", kAvx512 | kAvx512Vnni, 64, Dot512},
    {"qs8-", "-avxvnni", kAvx2 | kAvxVnni, 32, Dot256},
    {"qs8-", "-avx2", kAvx2, 32, Pairs256},
    {"f32-", "-avx512", kAvx512, 16, Fma512},
    {"f32-", "-avx2", kAvx2, 8, Fma256},
};

double MultiplyRate(std::string_view kernel) {
  const uint32_t features = CpuFeatures();
  for (const auto& entry : kInstructions) {
    if (kernel.size() < entry.set.size() ||
        kernel.substr(0, entry.type.size()) != entry.type ||
        kernel.substr(kernel.size() - entry.set.size()) != entry.set ||
        (entry.features & ~features) != 0) {
      continue;
    }
    return Rate(entry.run) * kRounds * kSums * entry.multiply_adds;
  }
  return 0.0;
}

using Read = void (*)(const uint8_t* data, size_t bytes);

Read FastestRead() {
  const uint32_t features = CpuFeatures();
  return features & kAvx512 ? Read512 : features & kAvx2 ? Read256 : nullptr;
}

#else

double MultiplyRate(std::string_view) { return 0.0; }

using Read = void (*)(const uint8_t* data, size_t bytes);

Read FastestRead() { return nullptr; }

#endif

// Bytes that fit into a level of cache; behind the last one, that do not fit
// into any. 0 where that is not known.
size_t BytesOfLevel(int level) {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  constexpr int kNames[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE,
                            _SC_LEVEL3_CACHE_SIZE};
  constexpr int kLevels = 3;
  constexpr size_t kLeast = size_t{64} << 20, kMost = size_t{256} << 20;
  if (level < 1 || level > kLevels + 1) return 0;
  const long bytes = sysconf(kNames[std::min(level, kLevels) - 1]);
  const size_t size = bytes > 0 ? static_cast<size_t>(bytes) : 0;
  const size_t read =
      level > kLevels ? std::clamp(4 * size, kLeast, kMost) : size / 2;
  return read / kReadBytes * kReadBytes;
#else
  static_cast<void>(level);
  return 0;
#endif
}

double ReadRate(int level) {
  const Read read = FastestRead();
  const size_t bytes = BytesOfLevel(level);
  void* memory = nullptr;
  if (read == nullptr || bytes == 0 ||
      posix_memalign(&memory, 64, bytes) != 0) {
    return 0.0;
  }
  memset(memory, 1, bytes);
  const auto* data = static_cast<const uint8_t*>(memory);
  const double rate = Rate([=] { read(data, bytes); }) * double(bytes);
  free(memory);
  return rate;
}

}  // namespace
}  // namespace tf_pconv

// Returns the most multiply-adds a second that one thread reaches with the
// instruction that the kernel of this name multiplies with, all operands in
// registers; 0 where this processor has none.
TF_PCONV_EXPORT double tf_pconv_multiply_rate(const char* kernel) {
  return tf_pconv::MultiplyRate(kernel);
}

// Returns the most bytes a second that one thread reads from a level of cache,
// 1 to 3, or from memory, 4; 0 where that is not known.
TF_PCONV_EXPORT double tf_pconv_read_rate(int32_t level) {
  return tf_pconv::ReadRate(level);
}
