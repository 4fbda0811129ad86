#ifndef TF_PCONV_DELEGATE_CORE_ADD_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_ADD_KERNEL_H_

// The interface between generated kernels of additions and the code that calls
// them. Generated files are compiled for instruction sets that the processor
// may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

inline constexpr int kMaxAddBytes = 64;  // AddKernel::bytes

// output = clamp(floor(2^24 * (input 0 * multiplier 0 + input 1 * multiplier 1)
//                      + offset))
struct Int8AddArgs {
  const int8_t* inputs[2];
  int8_t* output;
  size_t count;  // a multiple of AddKernel::bytes
  float multipliers[2];
  float offset;
  int8_t min;
  int8_t max;
};

// output = clamp(input 0 + input 1)
struct FloatAddArgs {
  const float* inputs[2];
  float* output;
  size_t count;  // whose bytes are a multiple of AddKernel::bytes
  float min;
  float max;
};

struct AddKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int bytes;          // of a vector

  void (*add_int8)(const Int8AddArgs* args);
  void (*add_float32)(const FloatAddArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ADD_KERNEL_H_
