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
#include "delegate/core/thread_pool.h"
#include "delegate/core/tile_shares.h"
#include "delegate/core/window_conv.h"

namespace tf_pconv {
namespace {

constexpr int kMaxPlaneBytes = 64;
// The least that PointwiseKernel::pack and ::store transpose.
constexpr int kTransposedChannels = 16;
constexpr int kLineBytes = 64;
// Pixels this far apart, or a multiple of it, share so few sets of a first
// cache that those of a tile do not fit.
constexpr int kConflictingBytes = 1024;

class PointwiseConv : public WindowConv {
 public:
  PointwiseConv(const ConvDescription& description,
                std::vector<const PointwiseKernel*> kernels)
      : WindowConv(description),
        kernels_(std::move(kernels)),
        kernel_(*kernels_.front()),
        stage_(MakeInt8OutputStage(description)),
        stream_(PackPointwiseStream(description, stage_, kernel_)) {}

  size_t WorkspaceBytes(int threads) const override {
    const ActivationShape& shape = geometry().output;
    const int64_t tiles =
        TilesOf(int64_t{shape.batch} * shape.height * shape.width);
    const int64_t shared =
        threads == 1 ? 0 : std::min<int64_t>(tiles, kManyTiles * threads);
    return ThreadBytes() * threads + OutputsBytes() * shared;
  }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const ActivationShape& shape = geometry().output;
    Call call = {this,
                 static_cast<const int8_t*>(inputs[0]),
                 static_cast<int8_t*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 ticks,
                 int64_t{shape.batch} * (rows.end - rows.begin) * shape.width};
    const int threads = pool == nullptr ? 1 : pool->threads();
    if (SharingFiltersPays(kernels_, 0, kernels_.back()->pixels, call.pixels,
                           threads, [this](const PointwiseKernel& kernel) {
                             return TileWork(kernel);
                           })) {
      RunShares(pool, MultiplyShare, &call);
      RunShares(pool, StoreShare, &call);
    } else {
      RunShares(pool, RunShare, &call);
    }
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  struct Call {
    const PointwiseConv* conv;
    const int8_t* input;
    int8_t* output;
    uint8_t* workspace;
    RowRange rows;
    PhaseTicks* ticks;
    int64_t pixels;
  };

  // Where each byte of a plane comes from, and each output of a tile goes to.
  struct TilePixels {
    const int8_t* inputs[kMaxPlaneBytes];
    int8_t* outputs[kMaxPlaneBytes];
  };

  // Parts of a thread's workspace.
  size_t PlanesBytes() const {
    return AlignUp(size_t(sizes().channels) * kernel_.plane_bytes);
  }
  // Outputs of a tile.
  size_t OutputsBytes() const {
    return AlignUp(size_t(stream_.rows) * kernel_.pixels);
  }
  size_t DiscardedBytes() const { return AlignUp(sizes().filters); }
  size_t ThreadBytes() const {
    return PlanesBytes() + OutputsBytes() + DiscardedBytes();
  }

  // What a thread works on.
  struct Workspace {
    Workspace(const PointwiseConv& conv, const Call& call, int share,
              int shares)
        : planes(call.workspace + conv.ThreadBytes() * share),
          outputs(reinterpret_cast<int8_t*>(planes + conv.PlanesBytes())),
          discarded(outputs + conv.OutputsBytes()),
          shared_outputs(reinterpret_cast<int8_t*>(
              call.workspace + conv.ThreadBytes() * shares)) {}

    uint8_t* planes;
    int8_t* outputs;
    int8_t* discarded;
    int8_t* shared_outputs;  // of all tiles; for all threads
  };

  struct Tile {
    const PointwiseKernel& kernel;
    int64_t first;
    int count;
  };

  // The tile that begins with a pixel; pixels up to `end` follow.
  Tile TileFrom(int64_t first, int64_t end) const {
    const PointwiseKernel& kernel =
        *kernels_[TileKernel(kernels_, end - first)];
    const int count =
        static_cast<int>(std::min<int64_t>(kernel.pixels, end - first));
    return {kernel, first, count};
  }

  int64_t TilesOf(int64_t pixels) const {
    return (pixels + kernel_.pixels - 1) / kernel_.pixels;
  }

  // In pixels of the largest tile: half of the work is that of whole planes.
  int TileWork(const PointwiseKernel& kernel) const {
    return (kernel_.pixels + kernel.pixels) / 2;
  }

  // Computes tiles, with all filters.
  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const PointwiseConv& conv = *call.conv;
    const Workspace workspace(conv, call, share, shares);
    // Shares are whole small tiles.
    const int unit = conv.kernels_.back()->pixels;
    const int64_t units = (call.pixels + unit - 1) / unit;
    const int64_t end =
        std::min(units * (share + 1) / shares * unit, call.pixels);
    TilePixels pixels;
    PhaseClock clock(call.ticks);
    for (int64_t pixel = units * share / shares * unit; pixel < end;) {
      const Tile tile = conv.TileFrom(pixel, end);
      conv.FindPixels(call, tile, workspace.discarded, &pixels);
      conv.Pack(tile.kernel, pixels, workspace.planes);
      clock.End(Phase::kPack);
      conv.Multiply(tile.kernel, workspace.planes, 0, conv.stream_.groups,
                    workspace.outputs);
      clock.End(Phase::kMultiply);
      conv.Store(tile.kernel, workspace.outputs, 0, conv.sizes().filters,
                 &pixels);
      clock.End(Phase::kStore);
      pixel += tile.count;
    }
  }

  TileShares SharesOf(const Call& call, int parts) const {
    const int64_t tiles = TilesOf(call.pixels);
    const Tile last = TileFrom((tiles - 1) * kernel_.pixels, call.pixels);
    return TileShares(tiles, TileWork(kernel_), TileWork(last.kernel), parts);
  }

  // Computes some filters of tiles that all threads share.
  static void MultiplyShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const PointwiseConv& conv = *call.conv;
    const Workspace workspace(conv, call, share, shares);
    TilePixels pixels;
    PhaseClock clock(call.ticks);
    conv.SharesOf(call, conv.stream_.groups)
        .ForEach(share, shares, [&](int64_t index, int first, int groups) {
          const Tile tile =
              conv.TileFrom(index * conv.kernel_.pixels, call.pixels);
          conv.FindPixels(call, tile, workspace.discarded, &pixels);
          conv.Pack(tile.kernel, pixels, workspace.planes);
          clock.End(Phase::kPack);
          conv.Multiply(tile.kernel, workspace.planes, first, groups,
                        workspace.shared_outputs + conv.OutputsBytes() * index);
          clock.End(Phase::kMultiply);
        });
  }

  // Stores some channels of shared tiles.
  static void StoreShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const PointwiseConv& conv = *call.conv;
    const Workspace workspace(conv, call, share, shares);
    const int blocks = std::max(conv.sizes().filters / kTransposedChannels, 1);
    TilePixels pixels;
    PhaseClock clock(call.ticks);
    conv.SharesOf(call, blocks)
        .ForEach(share, shares, [&](int64_t index, int first, int count) {
          const Tile tile =
              conv.TileFrom(index * conv.kernel_.pixels, call.pixels);
          conv.FindPixels(call, tile, workspace.discarded, &pixels);
          const int begin = first * kTransposedChannels;
          const int end = first + count == blocks
                              ? conv.sizes().filters
                              : begin + count * kTransposedChannels;
          conv.Store(tile.kernel,
                     workspace.shared_outputs + conv.OutputsBytes() * index,
                     begin, end - begin, &pixels);
          clock.End(Phase::kStore);
        });
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
    args.center = static_cast<int16_t>(2 * stage_.zero_point + 1);
    kernel.multiply(&args);
  }

  // Finds what a tile is packed from and stored to.
  void FindPixels(const Call& call, const Tile& tile, int8_t* discarded,
                  TilePixels* pixels) const {
    std::fill_n(pixels->outputs, tile.kernel.pixels, discarded);
    PixelCursor<int8_t> cursor(geometry(), call.rows, call.input, call.output,
                               tile.first);
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

  // Writes `channels` outputs of a tile from `first` on; moves `pixels` there.
  void Store(const PointwiseKernel& kernel, const int8_t* outputs, int first,
             int channels, TilePixels* pixels) const {
    outputs += ptrdiff_t{first} * kernel.pixels;
    for (int i = 0; i < kernel.pixels; ++i) pixels->outputs[i] += first;
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
