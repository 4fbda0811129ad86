#ifndef TF_PCONV_DELEGATE_CORE_UNARY_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_UNARY_KERNEL_H_

// The interface between generated kernels of functions of one value and the
// code that calls them. Generated files are compiled for instruction sets that
// the processor may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

inline constexpr int kMaxUnaryBytes = 64;  // UnaryKernel::bytes

// output = table[input as an unsigned byte]
struct Int8UnaryArgs {
  const int8_t* table;  // of 256 bytes, aligned to 64
  const int8_t* input;
  int8_t* output;
  size_t count;  // a multiple of UnaryKernel::bytes
};

struct FloatUnaryArgs {
  const float* input;
  float* output;
  size_t count;  // whose bytes are a multiple of UnaryKernel::bytes
  // Of the clamp.
  float min;
  float max;
  // Of negative inputs of the leaky RELU.
  float slope;
};

struct UnaryKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int bytes;          // of a vector

  void (*look_up)(const Int8UnaryArgs* args);
  // What is no number stays none.
  void (*clamp)(const FloatUnaryArgs* args);
  void (*leaky_relu)(const FloatUnaryArgs* args);
  void (*hard_swish)(const FloatUnaryArgs* args);
  void (*logistic)(const FloatUnaryArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_UNARY_KERNEL_H_
