#ifndef TF_PCONV_DELEGATE_CORE_POOL_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_POOL_KERNEL_H_

// The interface between generated kernels of pooling and the code that calls
// them. Generated files are compiled for instruction sets that the processor
// may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Windows of 2x2 and of 3x3 pixels have kernels of max pooling.
inline constexpr int kMaxPoolLeastSide = 2;
inline constexpr int kMaxPoolSides = 2;

// Windows that follow each other in a row of outputs and are cut off alike. One
// call computes them.
template <typename Value>
struct PoolWindows {
  const Value* input;  // the first pixel of the first window
  size_t rows;         // pixels of a window, those inside the image
  size_t columns;
  size_t row_step;    // from a pixel to the one below, in values
  size_t pixel_step;  // to the one beside it
  size_t step;        // from a window to the next
  Value* output;
  size_t count;     // windows
  size_t channels;  // whose bytes are at least PoolKernel::bytes
};

struct Int8MaxPoolArgs {
  PoolWindows<int8_t> windows;
  int8_t min;
  int8_t max;
};

// Inputs that are no number do not count.
struct FloatMaxPoolArgs {
  PoolWindows<float> windows;
  float min;
  float max;
};

// Sums of the bias and a window's pixels become outputs as those of
// convolutions do (delegate/core/output_stage.h).
struct Int8AveragePoolArgs {
  PoolWindows<int8_t> windows;
  int32_t bias;
  float multiplier;
  float offset;
  int16_t center;  // twice the zero point and one
  int8_t min;
  int8_t max;
};

// Outputs are sums of pixels times the multiplier.
struct FloatAveragePoolArgs {
  PoolWindows<float> windows;
  float multiplier;
  float min;
  float max;
};

struct PoolKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int bytes;          // of a vector

  void (*max_int8[kMaxPoolSides])(const Int8MaxPoolArgs* args);
  void (*max_float32[kMaxPoolSides])(const FloatMaxPoolArgs* args);
  void (*average_int8)(const Int8AveragePoolArgs* args);
  void (*average_float32)(const FloatAveragePoolArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POOL_KERNEL_H_
