#include "delegate/core/int8/pixels.h"

#include <algorithm>

namespace tf_pconv {

void Int8Pixels::Resize(const Geometry& geometry, const Int8Tiling& tiling) {
  geometry_ = geometry;
  tiling_ = &tiling;
  const Int8Block& block = tiling.block();
  block_columns_ = (geometry.output.width + block.columns - 1) / block.columns;
  part_offsets_.clear();
  for (const Int8Patch::Pixel& pixel : tiling.patch.parts) {
    part_offsets_.push_back(OffsetOf(pixel));
  }
  for (int i = 0; i < kPartBytes; ++i) {
    byte_offsets_[i] = OffsetOf(tiling.patch.bytes[i]);
  }
  output_offsets_.clear();
  for (int i = 0; i < tiling.block_pixels(); ++i) {
    const ptrdiff_t row = i / block.columns;
    output_offsets_.push_back(
        (row * geometry.output.width + i % block.columns) *
        geometry.output.channels);
  }
}

Int8TilePlace Int8Pixels::PlaceOf(const Int8Tile& tile, RowRange rows,
                                  int64_t first, int64_t end) const {
  const int64_t row = first / block_columns_;
  const int block_rows = BlockRows(rows);
  return {&tile,
          rows,
          static_cast<int>(end - first),
          static_cast<int>(row / block_rows),
          static_cast<int>(row % block_rows),
          static_cast<int>(first % block_columns_)};
}

void Int8Pixels::FindInputs(const Int8TilePlace& place, const int8_t* input,
                            Int8InputPixels* pixels) const {
  ForEachBlock(place, [&](const Block& block) {
    FindPatch(place, block, input, pixels);
  });
  for (int i = place.blocks; i < place.tile->blocks; ++i) {
    PadPatch(*place.tile, i, pixels);
  }
  SpreadParts(*place.tile, pixels);
}

void Int8Pixels::FindOutputs(const Int8TilePlace& place, int8_t* output,
                             int8_t* discarded,
                             Int8OutputPixels* pixels) const {
  const ActivationShape& shape = geometry_.output;
  const Int8Block& size = tiling_->block();
  const int count = tiling_->block_pixels();
  ForEachBlock(place, [&](const Block& block) {
    const int y = place.rows.begin + block.row * size.rows;
    const int x = block.column * size.columns;
    const ptrdiff_t first_row = ptrdiff_t{block.image} * shape.height + y;
    int8_t* first = output + (first_row * shape.width + x) * shape.channels;
    const int rows = place.rows.end - y;
    const int columns = shape.width - x;
    int8_t** at = pixels->at + block.index * count;
    if (rows >= size.rows && columns >= size.columns) {
      for (int i = 0; i < count; ++i) at[i] = first + output_offsets_[i];
      return;
    }
    for (int i = 0; i < count; ++i) {
      const bool inside = i / size.columns < rows && i % size.columns < columns;
      at[i] = inside ? first + output_offsets_[i] : discarded;
    }
  });
  std::fill(pixels->at + place.blocks * count,
            pixels->at + place.tile->blocks * count, discarded);
}

bool Int8Pixels::HasWholeParts(const Int8Tile& tile,
                               const Int8InputPixels& pixels, int part) const {
  const int8_t* const* begin = pixels.parts + part;
  const int8_t* const* end = begin + tile.vector_parts();
  return geometry_.input.channels >= kTransposedChannels &&
         std::find(begin, end, nullptr) == end;
}

template <typename Visit>
void Int8Pixels::ForEachBlock(const Int8TilePlace& place, Visit visit) const {
  const int block_rows = BlockRows(place.rows);
  Block block = {0, place.image, place.row, place.column};
  for (; block.index < place.blocks; ++block.index) {
    visit(block);
    if (++block.column < block_columns_) continue;
    block.column = 0;
    if (++block.row < block_rows) continue;
    block.row = 0;
    ++block.image;
  }
}

// From a pixel of the input to another.
ptrdiff_t Int8Pixels::OffsetOf(const Int8Patch::Pixel& pixel) const {
  return (ptrdiff_t{pixel.row} * geometry_.input.width + pixel.column) *
         geometry_.input.channels;
}

void Int8Pixels::FindPatch(const Int8TilePlace& place, const Block& block,
                           const int8_t* input, Int8InputPixels* pixels) const {
  const ActivationShape& shape = geometry_.input;
  const Int8Tile& tile = *place.tile;
  const Int8Block& size = tiling_->block();
  const Int8Patch& patch = tiling_->patch;
  const int top =
      (place.rows.begin + block.row * size.rows) * geometry_.stride_height -
      geometry_.pad_top;
  const int left =
      block.column * size.columns * geometry_.stride_width - geometry_.pad_left;
  const bool whole = top >= 0 && top + patch.rows <= shape.height &&
                     left >= 0 && left + patch.columns <= shape.width;
  if (!whole) {
    FindClippedPatch(tile, block, top, left, input, pixels);
    return;
  }
  const ptrdiff_t first_row = ptrdiff_t{block.image} * shape.height + top;
  const int8_t* first =
      input + (first_row * shape.width + left) * shape.channels;
  const int8_t** parts = pixels->parts + block.index * tile.lane_parts;
  for (size_t part = 0; part < part_offsets_.size(); ++part) {
    parts[tile.places[part]] = first + part_offsets_[part];
  }
}

// Of a patch that reaches past the image.
void Int8Pixels::FindClippedPatch(const Int8Tile& tile, const Block& block,
                                  int top, int left, const int8_t* input,
                                  Int8InputPixels* pixels) const {
  const ActivationShape& shape = geometry_.input;
  const Int8Patch& patch = tiling_->patch;
  const ptrdiff_t first_row = ptrdiff_t{block.image} * shape.height;
  PadPatch(tile, block.index, pixels);
  for (size_t part = 0; part < patch.parts.size(); ++part) {
    const int place = tile.places[part] + block.index * tile.lane_parts;
    const int8_t** at = pixels->at + place * kPartBytes;
    for (int byte = 0; byte < kPartBytes; ++byte) {
      const int y = top + patch.parts[part].row + patch.bytes[byte].row;
      const int x = left + patch.parts[part].column + patch.bytes[byte].column;
      if (y >= 0 && y < shape.height && x >= 0 && x < shape.width) {
        at[byte] = input + ((first_row + y) * shape.width + x) * shape.channels;
      }
    }
  }
}

void Int8Pixels::PadPatch(const Int8Tile& tile, int index,
                          Int8InputPixels* pixels) const {
  for (int first : tile.places) {
    const int place = first + index * tile.lane_parts;
    pixels->parts[place] = nullptr;
    std::fill_n(pixels->at + place * kPartBytes, kPartBytes, padding_.data());
  }
}

// Finds the pixels of those whole parts that share a vector with others.
void Int8Pixels::SpreadParts(const Int8Tile& tile,
                             Int8InputPixels* pixels) const {
  const int vector_parts = tile.vector_parts();
  for (int vector = 0; vector < tile.parts; vector += vector_parts) {
    if (HasWholeParts(tile, *pixels, vector)) continue;
    for (int part = vector; part < vector + vector_parts; ++part) {
      const int8_t* first = pixels->parts[part];
      if (first == nullptr) continue;
      for (int i = 0; i < kPartBytes; ++i) {
        pixels->at[part * kPartBytes + i] = first + byte_offsets_[i];
      }
    }
  }
}

}  // namespace tf_pconv
