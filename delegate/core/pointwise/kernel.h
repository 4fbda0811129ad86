#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_KERNEL_H_

// The interface between generated int8 kernels of 1x1 convolutions and the code
// that calls them. Generated files are compiled for instruction sets that the
// processor may lack, so nothing here may be an inline function.

#include <stddef.h>
#include <stdint.h>

namespace tf_pconv {

// Planes are cut into lanes of 16 bytes; interleaving stays within them.
inline constexpr int kPointwiseLaneBytes = 16;
// The planes of four channels, interleaved, make the operands of dot products.
inline constexpr int kPointwiseQuad = 4;

// One call multiplies a tile of pixels with the weights of all filters.
struct PointwiseMultiplyArgs {
  // For each channel, a vector with a byte of each pixel of the tile. The first
  // four pixels are the first four bytes of lane 0, the next those of lane 1,
  // and after all lanes the next bytes of lane 0. Aligned to 64 bytes.
  const uint8_t* planes;
  // The weights; see pointwise/stream.h.
  const uint32_t* stream;
  uint32_t groups;
  // Outputs of the tile, a row of pixels each channel.
  int8_t* outputs;
  // The activation's range, in outputs.
  int8_t min;
  int8_t max;
  int16_t center;  // twice the zero point and one
};

struct PointwiseKernel {
  const char* name;
  uint32_t features;  // CpuFeature bits
  int group_size;     // filters that share loads and interleaving
  int pixels;         // outputs of a tile, a multiple of 16
  int plane_bytes;    // a vector; not less than `pixels`
  // Added to int8 inputs where the multiplication wants unsigned bytes.
  int input_offset;
  // Products are added in 16 bits before they are widened: the stream must
  // keep these sums in range.
  bool narrow_sums;

  // Transposes `channels` >= 16 channels of plane_bytes pixels: byte i of
  // channel c becomes pixels[i][first_channel + c] + input_offset. Channels lie
  // `channel_bytes` apart.
  void (*pack)(const int8_t* const* pixels, int first_channel, int channels,
               uint8_t* planes, size_t channel_bytes);
  void (*multiply)(const PointwiseMultiplyArgs* args);
  // Transposes a tile of `channels` >= 16 output rows: outputs[c][p] becomes
  // pixels[p][c].
  void (*store)(const int8_t* outputs, int channels, int tile_pixels,
                int8_t* const* pixels);
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_KERNEL_H_
