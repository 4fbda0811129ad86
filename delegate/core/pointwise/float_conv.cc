#include "delegate/core/pointwise/float_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/float/planes.h"
#include "delegate/core/float/store.h"
#include "delegate/core/float/stream.h"
#include "delegate/core/float/tiling.h"
#include "delegate/core/geometry.h"
#include "delegate/core/phases.h"
#include "delegate/core/pointwise/pixels.h"
#include "delegate/core/tiled_conv.h"

namespace tf_pconv {
namespace {

class FloatPointwiseConv : public TiledConv {
 public:
  FloatPointwiseConv(const ConvDescription& description,
                     std::vector<const FloatKernel*> kernels,
                     const ConvTuning& tuning)
      : TiledConv(description),
        block_bytes_(tuning.block_bytes),
        kernels_(std::move(kernels)),
        weights_(*description.weights),
        store_(description) {
    tiling_.kernel = kernels_.front();
  }

  Status Resize(const ActivationShape& input) override {
    const Status status = WindowConv::Resize(input);
    if (!status.ok()) return status;
    const ActivationShape& output = geometry().output;
    largest_ = TileKernel(kernels_,
                          int64_t{output.batch} * output.height * output.width);
    // Packing again for the same tile would give the same.
    if (stream_.units != 0 && tiling_.kernel == kernels_[largest_]) {
      return status;
    }
    tiling_ =
        PointwiseTiling(*kernels_[largest_], sizes().channels, block_bytes_);
    stream_ = PackFloatStream(weights_, tiling_);
    rows_.clear();
    for (const FloatKernel* kernel : kernels_) {
      rows_.push_back(store_.RowOffsets(stream_.rows, *kernel));
    }
    return status;
  }

  const char* kernel_name() const override { return tiling_.kernel->name; }

 protected:
  int64_t TilesOf(RowRange rows) const override {
    const int largest = tiling_.kernel->pixels;
    return (PixelsOf(rows) + largest - 1) / largest;
  }

  size_t ThreadBytes() const override {
    return SharingThreadBytes() + SumsBytes();
  }
  size_t SharingThreadBytes() const override {
    return PlanesBytes() + AlignUp(sizeof(float) * sizes().filters);
  }
  size_t SharedTileBytes() const override { return SumsBytes(); }

  int filter_units() const override { return stream_.units; }

  void RunTiles(const Call& call, WorkRange tiles, uint8_t* memory,
                PhaseClock* clock) const override {
    auto* sums = reinterpret_cast<float*>(memory + SharingThreadBytes());
    for (int64_t i = tiles.begin; i < tiles.end; ++i) {
      const Tile tile = TileAt(call, i);
      Pack(call, tile, PlanesAt(memory));
      clock->End(Phase::kPack);
      Multiply(*kernels_[tile.kernel], PlanesAt(memory), 0, stream_.units,
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
    Multiply(*kernels_[TileAt(call, index).kernel], PlanesAt(memory),
             static_cast<int>(units.begin),
             static_cast<int>(units.end - units.begin),
             reinterpret_cast<float*>(products));
  }

  void StoreTile(const Call& call, int64_t index, uint8_t* memory,
                 const uint8_t* products) const override {
    Store(call, TileAt(call, index), reinterpret_cast<const float*>(products),
          DiscardedAt(memory));
  }

 private:
  // Parts of a thread's memory: planes, then outputs that nobody reads.
  size_t PlanesBytes() const {
    return AlignUp(sizeof(float) * FloatPlanesSize(sizes().channels, tiling_));
  }
  static float* PlanesAt(uint8_t* memory) {
    return reinterpret_cast<float*>(memory);
  }
  float* DiscardedAt(uint8_t* memory) const {
    return reinterpret_cast<float*>(memory + PlanesBytes());
  }
  // Sums of a tile.
  size_t SumsBytes() const {
    return AlignUp(sizeof(float) * stream_.units * tiling_.kernel->group_size *
                   tiling_.kernel->pixels);
  }

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
    const int64_t first = index * tiling_.kernel->pixels;
    const int64_t left = PixelsOf(call.rows) - first;
    const size_t kernel = TileKernel(kernels_, left, largest_);
    const int64_t count = std::min<int64_t>(kernels_[kernel]->pixels, left);
    return {kernel, first, static_cast<int>(count)};
  }

  PixelCursor<float> CursorAt(const Call& call, int64_t pixel) const {
    return PixelCursor<float>(geometry(), call.rows,
                              static_cast<const float*>(call.input),
                              static_cast<float*>(call.output), pixel);
  }

  void Pack(const Call& call, const Tile& tile, float* planes) const {
    PixelCursor<float> cursor = CursorAt(call, tile.first);
    const int lanes = tiling_.kernel->lanes;
    for (int begin = 0; begin < tile.count; begin += lanes) {
      const float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < lanes; ++lane) {
        // What lies beyond the last pixel repeats that: nobody reads it.
        pixels[lane] = cursor.input();
        if (begin + lane + 1 < tile.count) cursor.Next();
      }
      PackFloatPixels(*tiling_.kernel, pixels, sizes().channels, planes + begin,
                      tiling_.channel_floats());
    }
  }

  // Sums of units of a tile, whose sums begin at `sums`.
  void Multiply(const FloatKernel& kernel, const float* planes, int first_unit,
                int units, float* sums) const {
    FloatMultiplyArgs args = {};
    args.units = units;
    args.sums = sums + size_t(first_unit) * kernel.group_size * kernel.pixels;
    args.first = true;
    for (const FloatStream::Block& block : stream_.blocks) {
      args.planes = planes + block.first_channel * tiling_.channel_floats();
      args.stream = stream_.words.data() + block.unit_begin[first_unit];
      kernel.multiply(&args);
      args.first = false;
    }
  }

  // Writes the outputs of a tile.
  void Store(const Call& call, const Tile& tile, const float* sums,
             float* discarded) const {
    const FloatKernel& kernel = *kernels_[tile.kernel];
    PixelCursor<float> cursor = CursorAt(call, tile.first);
    for (int begin = 0; begin < tile.count; begin += kernel.lanes) {
      float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < kernel.lanes; ++lane) {
        const bool valid = begin + lane < tile.count;
        pixels[lane] = valid ? cursor.output() : discarded;
        if (begin + lane + 1 < tile.count) cursor.Next();
      }
      store_.Store(kernel, sums + begin, rows_[tile.kernel].data(), pixels);
    }
  }

  const int block_bytes_;  // 0: the default
  const std::vector<const FloatKernel*> kernels_;
  const PatternWeights weights_;
  const FloatStore store_;
  size_t largest_ = 0;  // index of the largest kernel that this shape needs
  FloatTiling tiling_;  // of that kernel
  FloatStream stream_;
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
