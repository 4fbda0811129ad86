#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_H_

// The interface between generated kernels of depthwise convolutions and the
// code that calls them. Generated files are compiled for instruction sets
// that the processor may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Channels lie in the lanes of vectors. An int8 block of fewer channels than a
// vector has bytes computes several parts of the row at once.
inline constexpr int kDepthwiseLeastChannels = 16;
inline constexpr int kDepthwiseBlocks = 3;  // of one, two and four parts
inline constexpr int kDepthwiseMaxParts = 1 << (kDepthwiseBlocks - 1);

// Rows and columns of the largest windows.
inline constexpr int kDepthwiseMostSide = 5;

// One int8 call computes a block of channels of a row of outputs.
struct DepthwiseRowArgs {
  // The pixels of each input row of the window, those of the padding included.
  const int8_t* const* rows[kDepthwiseMostSide];
  // The weights; see depthwise/stream.h.
  const uint8_t* stream;
  // The first channel of the block.
  size_t channel;
  // The row of outputs, whose pixels lie `pixel_bytes` apart.
  int8_t* outputs;
  size_t pixel_bytes;
  // Outputs of a part, and where each part begins; they may overlap.
  size_t count;
  size_t parts[kDepthwiseMaxParts];
  // Range of outputs; see output_stage.h.
  int8_t min;
  int8_t max;
  int16_t center;  // twice the zero point and one
};

struct DepthwiseKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int side;           // rows and columns of a window
  int channels;       // of a vector
  // Added to int8 inputs where the multiplication wants unsigned bytes.
  int input_offset;
  // Products are of 16 bits, so that weights take as many.
  bool wide_products;

  // For blocks of `channels`, a half and a quarter of it; null for those of
  // fewer than 16 channels. For horizontal strides of 1 and 2.
  void (*row[kDepthwiseBlocks][2])(const DepthwiseRowArgs* args);
};

// The most rows of outputs that a float32 kernel computes at once, and the
// input rows of their windows.
inline constexpr int kFloatDepthwiseRows = 4;
inline constexpr int kFloatDepthwiseInputRows =
    2 * (kFloatDepthwiseRows - 1) + kDepthwiseMostSide;

// One float32 call computes all channels of some rows of outputs.
struct FloatDepthwiseArgs {
  // The pixels of each input row of the windows, those of the padding included.
  const float* const* rows[kFloatDepthwiseInputRows];
  // Of each channel its weights and its bias: rows of `channels` values.
  const float* parameters;
  size_t channels;  // at least FloatDepthwiseKernel::channels
  float* outputs;
  size_t width;  // of a row of outputs
  float min;
  float max;
};

struct FloatDepthwiseKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int side;           // rows and columns of a window
  int channels;       // of a vector
  int rows;           // the most that it computes at once

  // For one row of outputs, two and so on; for strides of 1 and 2. Of one row
  // only the horizontal stride matters.
  void (*compute[kFloatDepthwiseRows][2])(const FloatDepthwiseArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_H_
