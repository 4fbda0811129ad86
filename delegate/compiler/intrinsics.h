#ifndef TF_PCONV_DELEGATE_COMPILER_INTRINSICS_H_
#define TF_PCONV_DELEGATE_COMPILER_INTRINSICS_H_

// Where generated kernels take their intrinsics from, and the namespace they
// lie in: the processor's, or SIMDe's emulation, which tests build beside them.
#if defined(TF_PCONV_EMULATE)
#include "delegate/compiler/simde_shim.h"
#define TF_PCONV_KERNELS emulated
#else
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#define TF_PCONV_KERNELS native
#endif

// Keeps a vector in its register: compilers would rather load it again for each
// use, which costs more than what it saves.
#if defined(__x86_64__) && !defined(TF_PCONV_EMULATE)
#define TF_PCONV_KEEP(vector) __asm__("" : "+v"(vector))
#else
#define TF_PCONV_KEEP(vector)
#endif

#endif  // TF_PCONV_DELEGATE_COMPILER_INTRINSICS_H_
