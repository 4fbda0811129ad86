#include "delegate/core/pointwise/float_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/float/planes.h"
#include "delegate/core/float/tiled_conv.h"
#include "delegate/core/float/tiling.h"
#include "delegate/core/geometry.h"
#include "delegate/core/phases.h"
#include "delegate/core/pointwise/pixels.h"

namespace tf_pconv {
namespace {

class FloatPointwiseConv : public TiledFloatConv {
 public:
  FloatPointwiseConv(const ConvDescription& description,
                     std::vector<const FloatKernel*> kernels,
                     const ConvTuning& tuning)
      : TiledFloatConv(description, std::move(kernels), tuning) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    const Status status = WindowConv::Resize(inputs);
    if (!status.ok()) return status;
    const ActivationShape& output = geometry().output;
    largest_ = TileKernel(kernels(),
                          int64_t{output.batch} * output.height * output.width);
    // Packing again for the same tile would give the same.
    if (is_packed() && tiling().kernel == kernels()[largest_]) {
      return status;
    }
    UseTiling(
        PointwiseTiling(*kernels()[largest_], sizes().channels, block_bytes()));
    rows_.clear();
    for (const FloatKernel* kernel : kernels()) {
      rows_.push_back(store().RowOffsets(stream().rows, *kernel));
    }
    return status;
  }

 protected:
  int64_t TilesOf(RowRange rows) const override {
    const int largest = tiling().kernel->pixels;
    return (PixelsOf(rows) + largest - 1) / largest;
  }

  void RunTiles(const Call& call, WorkRange tiles, uint8_t* memory,
                PhaseClock* clock) const override {
    float* sums = SumsAt(memory);
    for (int64_t i = tiles.begin; i < tiles.end; ++i) {
      const Tile tile = TileAt(call, i);
      Pack(call, tile, PlanesAt(memory));
      clock->End(Phase::kPack);
      Multiply(*kernels()[tile.kernel], PlanesAt(memory), {0, filter_units()},
               sums);
      clock->End(Phase::kMultiply);
      Store(call, tile, sums, DiscardedAt(memory));
      clock->End(Phase::kStore);
    }
  }

  void PackTile(const Call& call, int64_t index,
                uint8_t* memory) const override {
    Pack(call, TileAt(call, index), PlanesAt(memory));
  }

  void MultiplyTile(const Call& call, int64_t index, WorkRange units,
                    uint8_t* memory, uint8_t* products) const override {
    Multiply(*kernels()[TileAt(call, index).kernel], PlanesAt(memory), units,
             reinterpret_cast<float*>(products));
  }

  void StoreTile(const Call& call, int64_t index, uint8_t* memory,
                 const uint8_t* products) const override {
    Store(call, TileAt(call, index), reinterpret_cast<const float*>(products),
          DiscardedAt(memory));
  }

 private:
  struct Tile {
    size_t kernel;  // its index
    int64_t first;
    int count;
  };

  int64_t PixelsOf(RowRange rows) const {
    const ActivationShape& shape = geometry().output;
    return int64_t{shape.batch} * (rows.end - rows.begin) * shape.width;
  }

  Tile TileAt(const Call& call, int64_t index) const {
    const int64_t first = index * tiling().kernel->pixels;
    const int64_t left = PixelsOf(call.rows) - first;
    const size_t kernel = TileKernel(kernels(), left, largest_);
    const int64_t count = std::min<int64_t>(kernels()[kernel]->pixels, left);
    return {kernel, first, static_cast<int>(count)};
  }

  PixelCursor<float> CursorAt(const Call& call, int64_t pixel) const {
    return PixelCursor<float>(geometry(), call.rows,
                              static_cast<const float*>(call.input),
                              static_cast<float*>(call.output), pixel);
  }

  void Pack(const Call& call, const Tile& tile, float* planes) const {
    PixelCursor<float> cursor = CursorAt(call, tile.first);
    const int lanes = tiling().kernel->lanes;
    for (int begin = 0; begin < tile.count; begin += lanes) {
      const float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < lanes; ++lane) {
        // What lies beyond the last pixel repeats that: nobody reads it.
        pixels[lane] = cursor.input();
        if (begin + lane + 1 < tile.count) cursor.Next();
      }
      PackFloatPixels(*tiling().kernel, pixels, sizes().channels,
                      planes + begin, tiling().channel_floats());
    }
  }

  // Writes the outputs of a tile.
  void Store(const Call& call, const Tile& tile, const float* sums,
             float* discarded) const {
    const FloatKernel& kernel = *kernels()[tile.kernel];
    PixelCursor<float> cursor = CursorAt(call, tile.first);
    for (int begin = 0; begin < tile.count; begin += kernel.lanes) {
      float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < kernel.lanes; ++lane) {
        const bool valid = begin + lane < tile.count;
        pixels[lane] = valid ? cursor.output() : discarded;
        if (begin + lane + 1 < tile.count) cursor.Next();
      }
      store().Store(kernel, sums + begin, rows_[tile.kernel].data(), pixels);
    }
  }

  size_t largest_ = 0;  // index of the largest kernel that this shape needs
  // For each kernel, where the sums of each channel begin.
  std::vector<std::vector<uint32_t>> rows_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateFloatPointwiseConv(
    const ConvDescription& description, std::vector<const FloatKernel*> kernels,
    const ConvTuning& tuning) {
  return std::make_unique<FloatPointwiseConv>(description, std::move(kernels),
                                              tuning);
}

}  // namespace tf_pconv
