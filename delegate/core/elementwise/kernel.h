#ifndef TF_PCONV_DELEGATE_CORE_ELEMENTWISE_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_ELEMENTWISE_KERNEL_H_

// The interface between generated kernels of sums and products and the code
// that calls them. Generated files are compiled for instruction sets that the
// processor may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

inline constexpr int kMaxElementwiseBytes = 64;  // ElementwiseKernel::bytes

// Kernels multiply int8 inputs that are the highest bytes of 32 bits: 2^24
// times the input.

// output = clamp(floor(2^24 * (input 0 * multiplier 0 + input 1 * multiplier 1)
//                      + offset))
struct Int8SumArgs {
  const int8_t* inputs[2];
  int8_t* output;
  size_t count;  // a multiple of ElementwiseKernel::bytes
  float multipliers[2];
  float offset;
  int8_t min;
  int8_t max;
};

// output = clamp(floor((2^24 * input 0 - zero 0) * (2^24 * input 1 - zero 1)
//                      * multiplier + offset))
struct Int8ProductArgs {
  const int8_t* inputs[2];
  int8_t* output;
  size_t count;  // a multiple of ElementwiseKernel::bytes
  float zeros[2];
  float multiplier;
  float offset;
  int8_t min;
  int8_t max;
};

// output = clamp(input 0 + input 1), or clamp(input 0 * input 1)
struct FloatElementwiseArgs {
  const float* inputs[2];
  float* output;
  size_t count;  // whose bytes are a multiple of ElementwiseKernel::bytes
  float min;
  float max;
};

struct ElementwiseKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int bytes;          // of a vector

  void (*add_int8)(const Int8SumArgs* args);
  void (*multiply_int8)(const Int8ProductArgs* args);
  void (*add_float32)(const FloatElementwiseArgs* args);
  void (*multiply_float32)(const FloatElementwiseArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ELEMENTWISE_KERNEL_H_
