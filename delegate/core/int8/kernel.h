#ifndef TF_PCONV_DELEGATE_CORE_INT8_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_INT8_KERNEL_H_

// The interface between generated int8 kernels and the code that calls them.
// Generated files are compiled for instruction sets that the processor may
// lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Kernels compute blocks of neighbouring outputs. A lane holds the patch of
// input pixels of a block, of one channel; the larger patches of strides above
// 1 may need a second lane (int8/patch.h says where each pixel lies). Whatever
// the pattern, a shuffle of the lane brings the four inputs of each output side
// by side.
struct Int8Block {
  int rows;
  int columns;
  int lane_bytes;  // a multiple of kPartBytes
};
// Lanes are packed in parts.
inline constexpr int kPartBytes = 16;
inline constexpr int kMaxPatchLanes = 2;

// One call multiplies a tile of inputs with the weights of a block of input
// channels.
struct Int8MultiplyArgs {
  // Lanes of the channels: for each channel, for each lane of a patch, the
  // lanes of the tile's blocks of outputs. Aligned to 64 bytes.
  const uint8_t* lanes;
  // For each pattern, for each lane of a patch, four bytes for each output of a
  // block: where in the lane its inputs lie, or 128 where they lie in the other
  // lane. Aligned to 64 bytes.
  const uint8_t* shuffles;
  // The weights; see int8/stream.h.
  const uint32_t* stream;
  uint32_t groups;
  // Whether this is the first or the last block of channels. Sums are kept
  // in `sums` between blocks: for each group, filter by filter, int32 a pixel.
  bool first;
  bool last;
  int32_t* sums;
  // Outputs of the tile, a row of pixels each channel; written by the last.
  int8_t* outputs;
  // Range of outputs; see output_stage.h.
  int8_t min;
  int8_t max;
  int16_t center;  // twice the zero point and one
};

struct Int8Kernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int group_size;     // filters that share loads and shuffles
  int pixels;         // outputs of a tile, a multiple of 16
  Int8Block block;
  int vector_bytes;  // what one call of `pack` fills: lanes or parts of one
  // Added to int8 inputs where the multiplication wants unsigned bytes.
  int input_offset;
  // Products are added in 16 bits before they are widened: the stream must
  // keep these sums in range.
  bool narrow_sums;

  // Transposes `channels` >= 16 channels of the pixels of a vector: byte i of
  // channel c becomes pixels[i][first_channel + c] + input_offset. Channels lie
  // `channel_bytes` apart.
  void (*pack)(const int8_t* const* pixels, int first_channel, int channels,
               uint8_t* lanes, size_t channel_bytes);
  // The same for parts that lie wholly in the image: byte i of part p becomes
  // parts[p][offsets[i] + first_channel + c] + input_offset.
  void (*pack_parts)(const int8_t* const* parts, const ptrdiff_t* offsets,
                     int first_channel, int channels, uint8_t* lanes,
                     size_t channel_bytes);
  // For patches of one and of two lanes; null where the kernel has none.
  void (*multiply[kMaxPatchLanes])(const Int8MultiplyArgs* args);
  // Transposes a tile of `channels` >= 16 output rows: outputs[c][p] becomes
  // pixels[p][c].
  void (*store)(const int8_t* outputs, int channels, int tile_pixels,
                int8_t* const* pixels);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_KERNEL_H_
