#ifndef TF_PCONV_DELEGATE_CORE_STEM_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_STEM_KERNEL_H_

// The interface between generated kernels of stems, which are dense
// convolutions of few channels, and the code that calls them. Generated files
// are compiled for instruction sets that the processor may lack, so nothing
// here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Inputs of a row of a window lie side by side and are taken four bytes at
// once, a step: four int8 inputs, two where products are of 16 bits, or a
// float. Filters lie in the lanes of vectors.
inline constexpr int kStemStepBytes = 4;

// The most kinds of blocks of filters that a kernel has functions for.
inline constexpr int kStemBlocks = 3;

// One call computes a row of outputs, of a block of filters.
struct StemRowArgs {
  // Each input row of the windows, from the first input of the first window
  // on. They reach as far as the last window of whole tiles does; see
  // stem/input_rows.h.
  const uint8_t* const* rows;
  size_t window_rows;
  size_t steps;         // of a row of a window
  size_t window_bytes;  // from one window to the next
  // The weights; see stem/stream.h.
  const uint8_t* stream;
  // The row of outputs, whose pixels lie `pixel_bytes` apart.
  uint8_t* outputs;
  size_t pixel_bytes;
  size_t count;
  // Range of int8 outputs; see output_stage.h.
  int8_t min;
  int8_t max;
  int16_t center;  // twice the zero point and one
  // Range of float32 outputs.
  float float_min;
  float float_max;
};

// How a kernel computes blocks of so many filters.
struct StemBlockKernel {
  int filters;
  int pixels;  // of a tile: those that share what is loaded of weights
  void (*row)(const StemRowArgs* args);
};

struct StemKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  // Bytes that an input takes in the rows.
  int input_bytes;
  // Added to int8 inputs where the multiplication wants unsigned bytes.
  int input_offset;
  // Writes values of the image as the inputs that they are in the rows.
  void (*convert)(const void* values, size_t count, void* inputs);
  // The widest first; null functions where there are fewer.
  StemBlockKernel blocks[kStemBlocks];
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_KERNEL_H_
