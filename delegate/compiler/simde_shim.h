#ifndef TF_PCONV_DELEGATE_COMPILER_SIMDE_SHIM_H_
#define TF_PCONV_DELEGATE_COMPILER_SIMDE_SHIM_H_

// The intrinsics of generated kernels in portable C, from SIMDe, and those that
// SIMDe 0.7.4 lacks. For tests only.

#include <math.h>
#include <stdint.h>
#include <string.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

// Emulations that are long and used often: as functions, they compile in a
// fraction of the time.
#define TF_PCONV_OUTLINE __attribute__((noinline)) static

TF_PCONV_OUTLINE __m256i _mm256_dpbusd_avx_epi32(__m256i sum, __m256i a,
                                                 __m256i b) {
  return simde_mm256_dpbusd_epi32(sum, a, b);
}

TF_PCONV_OUTLINE __m512i OutlinedDot(__m512i sum, __m512i a, __m512i b) {
  return simde_mm512_dpbusd_epi32(sum, a, b);
}
#undef _mm512_dpbusd_epi32
#define _mm512_dpbusd_epi32 OutlinedDot

TF_PCONV_OUTLINE __m512i OutlinedShuffle(__m512i a, __m512i b) {
  return simde_mm512_shuffle_epi8(a, b);
}
#undef _mm512_shuffle_epi8
#define _mm512_shuffle_epi8 OutlinedShuffle

TF_PCONV_OUTLINE __m512i OutlinedPermute(__m512i order, __m512i a) {
  return simde_mm512_permutexvar_epi8(order, a);
}
#undef _mm512_permutexvar_epi8
#define _mm512_permutexvar_epi8 OutlinedPermute

static inline __m512i CompressBytes(uint64_t mask, __m512i a) {
  uint8_t from[64], to[64] = {0};
  memcpy(from, &a, sizeof(from));
  for (int i = 0, next = 0; i < 64; ++i) {
    if (mask >> i & 1) to[next++] = from[i];
  }
  memcpy(&a, to, sizeof(to));
  return a;
}
#undef _mm512_maskz_compress_epi8
#define _mm512_maskz_compress_epi8 CompressBytes

static inline __m512i LoadMaskedBytes(uint64_t mask, const uint8_t* from) {
  uint8_t to[64] = {0};
  for (int i = 0; i < 64; ++i) {
    if (mask >> i & 1) to[i] = from[i];
  }
  __m512i result;
  memcpy(&result, to, sizeof(to));
  return result;
}
#undef _mm512_maskz_loadu_epi8
#define _mm512_maskz_loadu_epi8 LoadMaskedBytes

#define _mm512_shuffle_f32x4 simde_mm512_shuffle_f32x4

static inline __m512 _mm512_cvtepi32_ps(__m512i a) {
  int32_t from[16];
  float to[16];
  memcpy(from, &a, sizeof(from));
  for (int i = 0; i < 16; ++i) to[i] = (float)from[i];
  __m512 result;
  memcpy(&result, to, sizeof(to));
  return result;
}

static inline __m512i _mm512_cvtepi16_epi32(__m256i a) {
  int16_t from[16];
  int32_t to[16];
  memcpy(from, &a, sizeof(from));
  for (int i = 0; i < 16; ++i) to[i] = from[i];
  __m512i result;
  memcpy(&result, to, sizeof(to));
  return result;
}

#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC

// Rounds down, the only mode that kernels use. As on the processor, what no
// int32 holds becomes the smallest.
static inline __m512i _mm512_cvt_roundps_epi32(__m512 a, int mode) {
  float from[16];
  int32_t to[16];
  memcpy(from, &a, sizeof(from));
  for (int i = 0; i < 16; ++i) {
    const int fits = from[i] >= -0x1p31f && from[i] < 0x1p31f;
    to[i] = fits ? (int32_t)floorf(from[i]) : INT32_MIN;
  }
  (void)mode;
  __m512i result;
  memcpy(&result, to, sizeof(to));
  return result;
}

// SIMDe rounds the product, too. In double, it is exact.
static inline void FusedMultiplyAdd(const void* a, const void* b, const void* c,
                                    void* result, int count) {
  float x[16], y[16], z[16];
  memcpy(x, a, count * sizeof(float));
  memcpy(y, b, count * sizeof(float));
  memcpy(z, c, count * sizeof(float));
  for (int i = 0; i < count; ++i) {
    z[i] = (float)((double)x[i] * (double)y[i] + (double)z[i]);
  }
  memcpy(result, z, count * sizeof(float));
}

TF_PCONV_OUTLINE __m256 FusedMultiplyAdd8(__m256 a, __m256 b, __m256 c) {
  __m256 result;
  FusedMultiplyAdd(&a, &b, &c, &result, 8);
  return result;
}
#undef _mm256_fmadd_ps
#define _mm256_fmadd_ps FusedMultiplyAdd8

TF_PCONV_OUTLINE __m512 FusedMultiplyAdd16(__m512 a, __m512 b, __m512 c) {
  __m512 result;
  FusedMultiplyAdd(&a, &b, &c, &result, 16);
  return result;
}
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps FusedMultiplyAdd16

// Sixteen 32-bit lanes of the pair {high, low}, from lane `count` of `low` on.
static inline __m512i _mm512_alignr_epi32(__m512i high, __m512i low,
                                          int count) {
  int32_t both[32];
  memcpy(both, &low, sizeof(low));
  memcpy(both + 16, &high, sizeof(high));
  __m512i result;
  memcpy(&result, both + count, sizeof(result));
  return result;
}

#endif  // TF_PCONV_DELEGATE_COMPILER_SIMDE_SHIM_H_
