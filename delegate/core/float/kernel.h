#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_H_

// The interface between generated float32 kernels and the code that calls them.
// Generated files are compiled for instruction sets that the processor may
// lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// A kernel computes a tile of outputs that lie behind each other in its
// accumulators, one a lane. Its inputs lie in planes (float/tiling.h), so that
// a kept weight, a tap, is a multiply-add with consecutive floats: those of the
// tile, moved by the tap's offset. There are two kinds:
//
// * Where enough filters share a load, it need not be aligned. A tile is any
//   run of lanes, and taps read at any offset.
// * Others are held back by their loads. Taps are therefore sorted by column of
//   the 3x3 kernel, and between the columns the accumulators move up by one
//   lane, so that all taps read aligned: the first column counts two lanes
//   further up than it was read, the second one lane. Where a filter is alone,
//   taps that lie below each other come as pairs, which share the loads of all
//   rows but one; for this, rows have a fixed pitch.
inline constexpr int kTapColumns = 3;

// One call multiplies a tile of inputs with the weights of a block of input
// channels.
struct FloatMultiplyArgs {
  // The block's first plane at the tile's first lane; aligned to 64 bytes for
  // kernels with a pitch.
  const float* planes;
  // The weights; see float/stream.h.
  const uint32_t* stream;
  uint32_t units;  // runs of `group_size` filters
  // Whether this is the first block of channels; sums of the others are added
  // to what `sums` holds: for each filter of each unit, a float a lane.
  bool first;
  float* sums;
};

// One call finishes a vector of lanes for some output channels.
struct FloatStoreArgs {
  const float* sums;  // at the first of the lanes
  // Where in `sums` the lanes of each channel begin, in floats.
  const uint32_t* rows;
  const float* bias;
  int channels;  // a multiple of `lanes`
  float low;     // the activation's range
  float high;
  float* const* pixels;  // where the channels of each lane are written
};

struct FloatKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int group_size;     // filters that share the loads of an input channel
  int pixels;         // lanes of a tile
  int lanes;          // lanes of a vector
  // Lanes between vertical neighbours for a kernel of the second kind; 0 for
  // the first kind.
  int pitch;

  void (*multiply)(const FloatMultiplyArgs* args);
  // Transposes `channels`, a multiple of `lanes`, of `lanes` pixels:
  // planes[c * plane + i] = pixels[i][c].
  void (*pack)(const float* const* pixels, int channels, float* planes,
               size_t plane);
  void (*store)(const FloatStoreArgs* args);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_H_
