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
#include "delegate/core/thread_pool.h"
#include "delegate/core/tile_shares.h"
#include "delegate/core/window_conv.h"

namespace tf_pconv {
namespace {

class FloatPointwiseConv : public WindowConv {
 public:
  FloatPointwiseConv(const ConvDescription& description,
                     std::vector<const FloatKernel*> kernels,
                     const ConvTuning& tuning)
      : WindowConv(description),
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

  size_t WorkspaceBytes(int threads) const override {
    const ActivationShape& shape = geometry().output;
    const int64_t tiles =
        TilesOf(int64_t{shape.batch} * shape.height * shape.width);
    const int64_t shared =
        threads == 1 ? 0 : std::min<int64_t>(tiles, kManyTiles * threads);
    return sizeof(float) * (ThreadFloats() * threads + SumsFloats() * shared);
  }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const ActivationShape& shape = geometry().output;
    Call call = {this,
                 static_cast<const float*>(inputs[0]),
                 static_cast<float*>(output),
                 static_cast<float*>(workspace),
                 rows,
                 ticks,
                 int64_t{shape.batch} * (rows.end - rows.begin) * shape.width};
    const int threads = pool == nullptr ? 1 : pool->threads();
    if (SharingFiltersPays(kernels_, largest_, tiling_.kernel->lanes,
                           call.pixels, threads, TileWork)) {
      RunShares(pool, MultiplyShare, &call);
      RunShares(pool, StoreShare, &call);
    } else {
      RunShares(pool, RunShare, &call);
    }
  }

  const char* kernel_name() const override { return tiling_.kernel->name; }

 private:
  struct Call {
    const FloatPointwiseConv* conv;
    const float* input;
    float* output;
    float* workspace;
    RowRange rows;
    PhaseTicks* ticks;
    int64_t pixels;
  };

  // Parts of a thread's workspace.
  size_t PlanesFloats() const {
    return AlignedFloats(FloatPlanesSize(sizes().channels, tiling_));
  }
  size_t SumsFloats() const {
    return AlignedFloats(size_t(stream_.units) * tiling_.kernel->group_size *
                         tiling_.kernel->pixels);
  }
  size_t ThreadFloats() const {
    return PlanesFloats() + SumsFloats() + AlignedFloats(sizes().filters);
  }

  // What a thread works on.
  struct Workspace {
    Workspace(const FloatPointwiseConv& conv, const Call& call, int share,
              int shares)
        : planes(call.workspace + conv.ThreadFloats() * share),
          sums(planes + conv.PlanesFloats()),
          discarded(sums + conv.SumsFloats()),
          shared_sums(call.workspace + conv.ThreadFloats() * shares) {}

    float* planes;
    float* sums;
    float* discarded;
    float* shared_sums;  // of all tiles; for all threads
  };

  struct Tile {
    size_t kernel;  // its index
    int64_t first;
    int count;
  };

  // The tile that begins with a pixel; pixels up to `end` follow.
  Tile TileFrom(int64_t first, int64_t end) const {
    const size_t kernel = TileKernel(kernels_, end - first, largest_);
    const int64_t count =
        std::min<int64_t>(kernels_[kernel]->pixels, end - first);
    return {kernel, first, static_cast<int>(count)};
  }

  int64_t TilesOf(int64_t pixels) const {
    const int largest = tiling_.kernel->pixels;
    return (pixels + largest - 1) / largest;
  }

  // In multiply-adds of a tap: those of an accumulator wait for each other.
  static int TileWork(const FloatKernel& kernel) {
    constexpr int kFewestAccumulators = 8;
    return std::max(kernel.group_size * kernel.pixels / kernel.lanes,
                    kFewestAccumulators);
  }

  // Computes tiles, with all filters.
  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const FloatPointwiseConv& conv = *call.conv;
    const Workspace workspace(conv, call, share, shares);
    // Shares are whole vectors.
    const int unit = conv.tiling_.kernel->lanes;
    const int64_t units = (call.pixels + unit - 1) / unit;
    const int64_t end =
        std::min(units * (share + 1) / shares * unit, call.pixels);
    PhaseClock clock(call.ticks);
    for (int64_t pixel = units * share / shares * unit; pixel < end;) {
      const Tile tile = conv.TileFrom(pixel, end);
      conv.Pack(call, tile, workspace.planes);
      clock.End(Phase::kPack);
      conv.Multiply(*conv.kernels_[tile.kernel], workspace.planes, 0,
                    conv.stream_.units, workspace.sums);
      clock.End(Phase::kMultiply);
      conv.Store(call, tile, 0, tile.count, workspace.sums,
                 workspace.discarded);
      clock.End(Phase::kStore);
      pixel += tile.count;
    }
  }

  // Computes some filters of tiles that all threads share.
  static void MultiplyShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const FloatPointwiseConv& conv = *call.conv;
    const Workspace workspace(conv, call, share, shares);
    const int64_t tiles = conv.TilesOf(call.pixels);
    const int largest = conv.tiling_.kernel->pixels;
    const Tile last = conv.TileFrom((tiles - 1) * largest, call.pixels);
    PhaseClock clock(call.ticks);
    TileShares(tiles, TileWork(*conv.tiling_.kernel),
               TileWork(*conv.kernels_[last.kernel]), conv.stream_.units)
        .ForEach(share, shares, [&](int64_t index, int first, int units) {
          const Tile tile = conv.TileFrom(index * largest, call.pixels);
          conv.Pack(call, tile, workspace.planes);
          clock.End(Phase::kPack);
          conv.Multiply(*conv.kernels_[tile.kernel], workspace.planes, first,
                        units,
                        workspace.shared_sums + conv.SumsFloats() * index);
          clock.End(Phase::kMultiply);
        });
  }

  // Stores some vectors of shared tiles.
  static void StoreShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const FloatPointwiseConv& conv = *call.conv;
    const Workspace workspace(conv, call, share, shares);
    const int largest = conv.tiling_.kernel->pixels;
    const int lanes = conv.tiling_.kernel->lanes;
    const int64_t vectors = (call.pixels + lanes - 1) / lanes;
    const int64_t end =
        std::min(vectors * (share + 1) / shares * lanes, call.pixels);
    PhaseClock clock(call.ticks);
    for (int64_t pixel = vectors * share / shares * lanes; pixel < end;) {
      const int64_t index = pixel / largest;
      const Tile tile = conv.TileFrom(index * largest, call.pixels);
      const int first = static_cast<int>(pixel - tile.first);
      const int count =
          static_cast<int>(std::min<int64_t>(tile.count - first, end - pixel));
      conv.Store(call, tile, first, count,
                 workspace.shared_sums + conv.SumsFloats() * index,
                 workspace.discarded);
      clock.End(Phase::kStore);
      pixel += count;
    }
  }

  void Pack(const Call& call, const Tile& tile, float* planes) const {
    PixelCursor<float> cursor(geometry(), call.rows, call.input, call.output,
                              tile.first);
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

  // Writes `count` outputs of a tile from its output `first` on, with which a
  // vector begins.
  void Store(const Call& call, const Tile& tile, int first, int count,
             const float* sums, float* discarded) const {
    const FloatKernel& kernel = *kernels_[tile.kernel];
    PixelCursor<float> cursor(geometry(), call.rows, call.input, call.output,
                              tile.first + first);
    for (int begin = 0; begin < count; begin += kernel.lanes) {
      float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < kernel.lanes; ++lane) {
        const bool valid = begin + lane < count;
        pixels[lane] = valid ? cursor.output() : discarded;
        if (begin + lane + 1 < count) cursor.Next();
      }
      store_.Store(kernel, sums + first + begin, rows_[tile.kernel].data(),
                   pixels);
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
