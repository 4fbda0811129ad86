#ifndef TF_PCONV_DELEGATE_CORE_INT8_PIXELS_H_
#define TF_PCONV_DELEGATE_CORE_INT8_PIXELS_H_

// Where tiles of a 3x3 convolution read and write.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/geometry.h"
#include "delegate/core/int8/tiling.h"

namespace tf_pconv {

// The least that Int8Kernel::pack, ::pack_parts and ::store transpose.
inline constexpr int kTransposedChannels = 16;
inline constexpr int kMaxTilePixels = 128;
// Of small blocks, each with two lanes of one part.
inline constexpr int kMaxTileParts = kMaxTilePixels / 4 * kMaxPatchLanes;

// A tile in a range of rows of an output: `blocks` of its blocks, which follow
// each other row by row and image by image.
struct Int8TilePlace {
  const Int8Tile* tile;
  RowRange rows;
  int blocks;
  // Where the first block lies, in blocks.
  int image;
  int row;
  int column;
};

// What a tile is packed from.
struct Int8InputPixels {
  // The first pixel of each part; null where its patch reaches past the image.
  const int8_t* parts[kMaxTileParts];
  // Vectors with such a part are packed from these instead: the pixels of the
  // bytes of parts.
  const int8_t* at[kMaxTileParts * kPartBytes];
};

struct Int8OutputPixels {
  int8_t* at[kMaxTilePixels];
};

class Int8Pixels {
 public:
  // Padding is that of a pixel of zero points.
  Int8Pixels(int channels, int zero_point)
      : padding_(channels, static_cast<int8_t>(zero_point)) {}

  // `tiling` outlives this.
  void Resize(const Geometry& geometry, const Int8Tiling& tiling);

  // Blocks that cover a range of rows of all images.
  int64_t BlocksOf(RowRange rows) const {
    return int64_t{geometry_.output.batch} * BlockRows(rows) * block_columns_;
  }

  // The tile that begins with a block of the range and ends before another.
  Int8TilePlace PlaceOf(const Int8Tile& tile, RowRange rows, int64_t first,
                        int64_t end) const;

  void FindInputs(const Int8TilePlace& place, const int8_t* input,
                  Int8InputPixels* pixels) const;

  // What lies beyond the image, or the last block, is `discarded`.
  void FindOutputs(const Int8TilePlace& place, int8_t* output,
                   int8_t* discarded, Int8OutputPixels* pixels) const;

  // Whether the vector that begins with `part` can be packed from its parts.
  bool HasWholeParts(const Int8Tile& tile, const Int8InputPixels& pixels,
                     int part) const;

  // From the first pixel of a part to that of each byte.
  const ptrdiff_t* byte_offsets() const { return byte_offsets_; }

 private:
  // A block of outputs and its place in the tile.
  struct Block {
    int index;
    int image;
    int row;
    int column;
  };

  int BlockRows(RowRange rows) const {
    const int block = tiling_->block().rows;
    return (rows.end - rows.begin + block - 1) / block;
  }

  // Calls visit(block) for those of the tile.
  template <typename Visit>
  void ForEachBlock(const Int8TilePlace& place, Visit visit) const;

  ptrdiff_t OffsetOf(const Int8Patch::Pixel& pixel) const;
  void FindPatch(const Int8TilePlace& place, const Block& block,
                 const int8_t* input, Int8InputPixels* pixels) const;
  void FindClippedPatch(const Int8Tile& tile, const Block& block, int top,
                        int left, const int8_t* input,
                        Int8InputPixels* pixels) const;
  void PadPatch(const Int8Tile& tile, int index, Int8InputPixels* pixels) const;
  void SpreadParts(const Int8Tile& tile, Int8InputPixels* pixels) const;

  const std::vector<int8_t> padding_;
  Geometry geometry_;
  const Int8Tiling* tiling_ = nullptr;
  int block_columns_ = 0;
  // From the first pixel of a patch to that of each part, and from there to
  // the pixel of each byte.
  std::vector<ptrdiff_t> part_offsets_;
  ptrdiff_t byte_offsets_[kPartBytes] = {};
  // From the first output of a block to each.
  std::vector<ptrdiff_t> output_offsets_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_PIXELS_H_
