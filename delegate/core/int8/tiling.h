#ifndef TF_PCONV_DELEGATE_CORE_INT8_TILING_H_
#define TF_PCONV_DELEGATE_CORE_INT8_TILING_H_

// How int8 kernels cover an output: with tiles of blocks.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/aligned_bytes.h"
#include "delegate/core/int8/kernel.h"
#include "delegate/core/int8/patch.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// What one call of a kernel computes.
struct Int8Tile {
  Int8Tile(const Int8Kernel* kernel, const Int8Patch& patch);

  size_t channel_bytes() const { return size_t(parts) * kPartBytes; }
  // Parts that one call of Int8Kernel::pack fills.
  int vector_parts() const { return kernel->vector_bytes / kPartBytes; }

  const Int8Kernel* kernel;
  int blocks;
  int lane_parts;  // of a lane
  int parts;       // of the lanes of a channel
  // Where among them the parts of the first block's patch lie; those of the
  // next follow lane_parts later.
  std::vector<int> places;
};

// The tiles of one shape of block.
struct Int8Tiling {
  Int8Patch patch;
  AlignedBytes shuffles;
  std::vector<Int8Tile> tiles;  // largest first

  const Int8Block& block() const { return tiles.front().kernel->block; }
  int block_pixels() const { return block().rows * block().columns; }
};

// For each shape of block, the tiles of those kernels that run the strides of
// the convolution.
std::vector<Int8Tiling> MakeInt8Tilings(
    const ConvDescription& description,
    const std::vector<const Int8Kernel*>& kernels);

// The kernels that run filter groups of `group_size` fastest, in all their tile
// sizes, for each shape of block that the processor can compute.
std::vector<const Int8Kernel*> FastestInt8Kernels(
    const Int8Kernel* const* table, uint32_t features, int group_size);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_TILING_H_
