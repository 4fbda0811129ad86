#ifndef TF_PCONV_DELEGATE_CORE_MAX_POOL_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_MAX_POOL_KERNEL_H_

// The interface between generated kernels of max pooling and the code that
// calls them. Generated files are compiled for instruction sets that the
// processor may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Windows of 2x2 and of 3x3 pixels.
inline constexpr int kMaxPoolLeastSide = 2;
inline constexpr int kMaxPoolSides = 2;
inline constexpr int kMaxPoolPixels = 9;

// One call computes windows of a row.
struct Int8MaxPoolArgs {
  // The pixels of the first window, in any order; in the next one all of them
  // lie `step` values further on. A window that is cut off at an edge repeats
  // what is left of it.
  const int8_t* pixels[kMaxPoolPixels];
  size_t step;
  int8_t* output;
  size_t count;     // windows
  size_t channels;  // whose bytes are at least MaxPoolKernel::bytes
  int8_t min;
  int8_t max;
};

// The same for float32. Inputs that are no number do not count.
struct FloatMaxPoolArgs {
  const float* pixels[kMaxPoolPixels];
  size_t step;
  float* output;
  size_t count;
  size_t channels;
  float min;
  float max;
};

struct MaxPoolKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int bytes;          // of a vector

  void (*pool_int8[kMaxPoolSides])(const Int8MaxPoolArgs* args);
  void (*pool_float32[kMaxPoolSides])(const FloatMaxPoolArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_MAX_POOL_KERNEL_H_
