#include "delegate/core/pointwise/int8_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/phases.h"
#include "delegate/core/pointwise/pixels.h"
#include "delegate/core/pointwise/stream.h"
#include "delegate/core/tiled_conv.h"

namespace tf_pconv {
namespace {

constexpr int kMaxPlaneBytes = 64;
// The least that PointwiseKernel::pack and ::store transpose.
constexpr int kTransposedChannels = 16;
constexpr int kLineBytes = 64;
// Pixels this far apart, or a multiple of it, share so few sets of a first
// cache that those of a tile do not fit.
constexpr int kConflictingBytes = 1024;

class PointwiseConv : public TiledConv {
 public:
  PointwiseConv(const ConvDescription& description,
                std::vector<const PointwiseKernel*> kernels)
      : TiledConv(description),
        kernels_(std::move(kernels)),
        kernel_(*kernels_.front()),
        stage_(MakeInt8OutputStage(description)),
        stream_(PackPointwiseStream(description, stage_, kernel_)) {}

  const char* kernel_name() const override { return kernel_.name; }

 protected:
  int64_t TilesOf(RowRange rows) const override {
    return (PixelsOf(rows) + kernel_.pixels - 1) / kernel_.pixels;
  }

  size_t ThreadBytes() const override {
    return SharingThreadBytes() + OutputsBytes();
  }
  size_t SharingThreadBytes() const override {
    return PlanesBytes() + AlignUp(sizes().filters);
  }
  size_t SharedTileBytes() const override { return OutputsBytes(); }

  int filter_units() const override { return stream_.groups; }

  void RunTiles(const Call& call, WorkRange tiles, uint8_t* memory,
                PhaseClock* clock) const override {
    auto* outputs = reinterpret_cast<int8_t*>(memory + SharingThreadBytes());
    TilePixels pixels;
    for (int64_t i = tiles.begin; i < tiles.end; ++i) {
      const Tile tile = TileAt(call, i);
      FindPixels(call, tile, DiscardedAt(memory), &pixels);
      Pack(tile.kernel, pixels, memory);
      clock->End(Phase::kPack);
      Multiply(tile.kernel, memory, 0, stream_.groups, outputs);
      clock->End(Phase::kMultiply);
      Store(tile.kernel, outputs, &pixels);
      clock->End(Phase::kStore);
    }
  }

  void PackTile(const Call& call, int64_t index,
                uint8_t* memory) const override {
    const Tile tile = TileAt(call, index);
    TilePixels pixels;
    FindPixels(call, tile, DiscardedAt(memory), &pixels);
    Pack(tile.kernel, pixels, memory);
  }

  void MultiplyTile(const Call& call, int64_t index, WorkRange groups,
                    uint8_t* memory, uint8_t* products) const override {
    Multiply(TileAt(call, index).kernel, memory, static_cast<int>(groups.begin),
             static_cast<int>(groups.end - groups.begin),
             reinterpret_cast<int8_t*>(products));
  }

  void StoreTile(const Call& call, int64_t index, uint8_t* memory,
                 const uint8_t* products) const override {
    const Tile tile = TileAt(call, index);
    TilePixels pixels;
    FindPixels(call, tile, DiscardedAt(memory), &pixels);
    Store(tile.kernel, reinterpret_cast<const int8_t*>(products), &pixels);
  }

 private:
  // Where each byte of a plane comes from, and each output of a tile goes to.
  struct TilePixels {
    const int8_t* inputs[kMaxPlaneBytes];
    int8_t* outputs[kMaxPlaneBytes];
  };

  // Parts of a thread's memory: planes, then outputs that nobody reads.
  size_t PlanesBytes() const {
    return AlignUp(size_t(sizes().channels) * kernel_.plane_bytes);
  }
  int8_t* DiscardedAt(uint8_t* memory) const {
    return reinterpret_cast<int8_t*>(memory + PlanesBytes());
  }
  // Outputs of a tile.
  size_t OutputsBytes() const {
    return AlignUp(size_t(stream_.rows) * kernel_.pixels);
  }

  struct Tile {
    const PointwiseKernel& kernel;
    int64_t first;
    int count;
  };

  int64_t PixelsOf(RowRange rows) const {
    const ActivationShape& shape = geometry().output;
    return int64_t{shape.batch} * (rows.end - rows.begin) * shape.width;
  }

  Tile TileAt(const Call& call, int64_t index) const {
    const int64_t first = index * kernel_.pixels;
    const int64_t left = PixelsOf(call.rows) - first;
    const PointwiseKernel& kernel = *kernels_[TileKernel(kernels_, left)];
    return {kernel, first,
            static_cast<int>(std::min<int64_t>(kernel.pixels, left))};
  }

  void Multiply(const PointwiseKernel& kernel, const uint8_t* planes,
                int first_group, int groups, int8_t* outputs) const {
    PointwiseMultiplyArgs args = {};
    args.planes = planes;
    args.stream = stream_.words.data() + stream_.group_begin[first_group];
    args.groups = groups;
    args.outputs = outputs;
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = stage_.center();
    kernel.multiply(&args);
  }

  // Finds what a tile is packed from and stored to.
  void FindPixels(const Call& call, const Tile& tile, int8_t* discarded,
                  TilePixels* pixels) const {
    std::fill_n(pixels->outputs, tile.kernel.pixels, discarded);
    PixelCursor<int8_t> cursor(geometry(), call.rows,
                               static_cast<const int8_t*>(call.input),
                               static_cast<int8_t*>(call.output), tile.first);
    const int lanes = tile.kernel.plane_bytes / kPointwiseLaneBytes;
    int found = 0;
    for (int quad = 0; quad < kPointwiseLaneBytes; quad += kPointwiseQuad) {
      for (int lane = 0; lane < lanes; ++lane) {
        const int8_t** inputs =
            pixels->inputs + lane * kPointwiseLaneBytes + quad;
        for (int i = 0; i < kPointwiseQuad; ++i) {
          // What lies beyond the tile or the last pixel repeats that: nobody
          // reads it.
          inputs[i] = cursor.input();
          if (found == tile.count) continue;
          pixels->outputs[found] = cursor.output();
          if (++found < tile.count) cursor.Next();
        }
      }
    }
  }

  void Pack(const PointwiseKernel& kernel, const TilePixels& pixels,
            uint8_t* planes) const {
    if (sizes().channels >= kTransposedChannels) {
      kernel.pack(pixels.inputs, 0, sizes().channels, planes,
                  kernel.plane_bytes);
      return;
    }
    for (int channel = 0; channel < sizes().channels; ++channel) {
      for (int i = 0; i < kernel.plane_bytes; ++i) {
        planes[channel * kernel.plane_bytes + i] = static_cast<uint8_t>(
            pixels.inputs[i][channel] + kernel.input_offset);
      }
    }
  }

  // Writes the outputs of a tile; moves `pixels` on.
  void Store(const PointwiseKernel& kernel, const int8_t* outputs,
             TilePixels* pixels) const {
    int channels = sizes().filters;
    if (sizes().filters % kConflictingBytes == 0) {
      for (; channels >= kLineBytes; channels -= kLineBytes) {
        StoreLines(kernel, outputs, pixels);
        outputs += ptrdiff_t{kLineBytes} * kernel.pixels;
      }
      if (channels == 0) return;
    }
    if (channels >= kTransposedChannels) {
      kernel.store(outputs, channels, kernel.pixels, pixels->outputs);
      return;
    }
    for (int channel = 0; channel < channels; ++channel) {
      for (int pixel = 0; pixel < kernel.pixels; ++pixel) {
        pixels->outputs[pixel][channel] =
            outputs[channel * kernel.pixels + pixel];
      }
    }
  }

  // Writes the next cache line of each pixel as a whole; moves `pixels` on.
  static void StoreLines(const PointwiseKernel& kernel, const int8_t* outputs,
                         TilePixels* pixels) {
    alignas(kLineBytes) int8_t lines[kMaxPlaneBytes][kLineBytes];
    int8_t* at[kMaxPlaneBytes];
    for (int i = 0; i < kernel.pixels; ++i) at[i] = lines[i];
    kernel.store(outputs, kLineBytes, kernel.pixels, at);
    for (int i = 0; i < kernel.pixels; ++i) {
      memcpy(pixels->outputs[i], lines[i], kLineBytes);
      pixels->outputs[i] += kLineBytes;
    }
  }

  const std::vector<const PointwiseKernel*> kernels_;
  const PointwiseKernel& kernel_;  // with the largest tile
  const Int8OutputStage stage_;
  const PointwiseStream stream_;
};

}  // namespace

std::unique_ptr<PatternConv> CreatePointwiseConv(
    const ConvDescription& description,
    std::vector<const PointwiseKernel*> kernels) {
  return std::make_unique<PointwiseConv>(description, std::move(kernels));
}

}  // namespace tf_pconv
