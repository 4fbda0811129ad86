#ifndef TF_PCONV_DELEGATE_CORE_GEMV_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_GEMV_KERNEL_H_

// The interface between generated kernels of matrix-vector products, which are
// 1x1 convolutions of few pixels, and the code that calls them. Generated files
// are compiled for instruction sets that the processor may lack, so nothing
// here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Channels that one word of bits stands for.
inline constexpr int kGemvBlock = 64;
// Rows that `finish` takes are a multiple of this.
inline constexpr int kGemvRows = 16;

struct GemvFinishArgs {
  int32_t* sums;
  const int32_t* bias;
  // See output_stage.h.
  const float* multipliers;
  const float* offsets;
  int rows;
};

// A filter group gathers the channels it keeps of the only pixel, one behind
// the other, and multiplies them with its filters, channels in the lanes of
// vectors. See gemv/stream.h for the weights. float32 kernels have neither
// `compress` nor `finish`.
struct GemvKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int group_size;     // filters that share what is gathered
  int pixels;         // 1
  int lanes;          // channels of a vector, a step of `multiply`
  // Added to int8 inputs where the multiplication wants unsigned bytes.
  int input_offset;

  // Gathers the bytes of `input` whose bit is set, of `blocks` blocks; up to
  // kGemvBlock bytes behind them are overwritten. Meanwhile fetches `ahead`, a
  // cache line for each block, into the cache. Null: channels are gathered by
  // index.
  void (*compress)(const uint8_t* input, const uint64_t* bits, int blocks,
                   const uint8_t* ahead, uint8_t* gathered);
  // Writes a sum, int32_t or float, for each filter of a group. `gathered` and
  // `weights` are aligned to 64 bytes.
  void (*multiply)(const void* gathered, const void* weights, int steps,
                   void* sums);
  // Turns int32 sums into outputs before the zero point is added, in halves.
  void (*finish)(const GemvFinishArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_GEMV_KERNEL_H_
