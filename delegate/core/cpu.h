#ifndef TF_PCONV_DELEGATE_CORE_CPU_H_
#define TF_PCONV_DELEGATE_CORE_CPU_H_

#include <cstddef>
#include <cstdint>

namespace tf_pconv {

// Instruction sets that kernels need: a processor that has every bit of a
// kernel's set, and an operating system that saves its registers, can run it.
enum CpuFeature : uint32_t {
  kAvx2 = 1u << 0,        // AVX2 and FMA
  kAvxVnni = 1u << 1,     // 256-bit vpdpbusd in VEX encoding
  kAvx512 = 1u << 2,      // AVX-512 F, BW, DQ and VL
  kAvx512Vnni = 1u << 3,  // 512-bit vpdpbusd
  kAvx512Vbmi = 1u << 4,  // 512-bit vpermb and, of VBMI2, vpcompressb
};

// The features of the processor this runs on.
uint32_t CpuFeatures();

// Bytes of the second cache of a core.
size_t CacheBytes();

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_CPU_H_
