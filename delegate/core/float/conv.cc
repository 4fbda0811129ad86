#include "delegate/core/float/conv.h"

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
#include "delegate/core/thread_pool.h"
#include "delegate/core/tile_shares.h"
#include "delegate/core/window_conv.h"

namespace tf_pconv {
namespace {

class FloatConv : public WindowConv {
 public:
  FloatConv(const ConvDescription& description,
            std::vector<const FloatKernel*> kernels, const ConvTuning& tuning)
      : WindowConv(description),
        block_bytes_(tuning.block_bytes),
        kernels_(std::move(kernels)),
        weights_(*description.weights),
        zeros_(sizes().channels, 0.0f),
        store_(description) {
    tiling_.kernel = kernels_.front();
  }

  Status Resize(const ActivationShape& input) override {
    // Packing again would give the same.
    if (stream_.units != 0 && input == geometry().input) return Status();
    const Status status = WindowConv::Resize(input);
    if (!status.ok()) return status;
    const double kept_channels =
        double(weights_.kernels.size()) / weights_.groups();
    tiling_ =
        ChooseFloatTiling(geometry(), kept_channels, kernels_, block_bytes_);
    stream_ = PackFloatStream(weights_, tiling_);
    rows_ = store_.RowOffsets(stream_.rows, *tiling_.kernel);
    return status;
  }

  size_t WorkspaceBytes(int threads) const override {
    return sizeof(float) *
           (ThreadFloats() * threads + SumsFloats() * (threads - 1));
  }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const int threads = pool == nullptr ? 1 : pool->threads();
    Call call = {this,
                 static_cast<const float*>(inputs[0]),
                 static_cast<float*>(output),
                 static_cast<float*>(workspace),
                 rows,
                 ticks,
                 tiling_.TilesOf(rows.end - rows.begin)};
    call.tiles =
        int64_t{geometry().output.batch} * tiling_.strips * call.strip_tiles;
    call.shared_tiles = SharedTiles(call.tiles, false, threads);
    RunShares(pool, RunShare, &call);
    if (call.shared_tiles != 0) RunShares(pool, StoreShare, &call);
  }

  const char* kernel_name() const override { return tiling_.kernel->name; }

 private:
  struct Call {
    const FloatConv* conv;
    const float* input;
    float* output;
    float* workspace;
    RowRange rows;
    PhaseTicks* ticks;
    int strip_tiles;
    int64_t tiles = 0;
    int shared_tiles = 0;  // the last of the tiles
  };

  // Parts of a thread's workspace.
  size_t PlanesFloats() const {
    return AlignedFloats(FloatPlanesSize(sizes().channels, tiling_));
  }
  // Sums of a tile.
  size_t SumsFloats() const {
    return AlignedFloats(size_t(stream_.units) * unit_floats());
  }
  size_t ThreadFloats() const {
    return PlanesFloats() + SumsFloats() + AlignedFloats(sizes().filters);
  }

  // Sums of a unit.
  size_t unit_floats() const {
    return size_t(tiling_.kernel->group_size) * tiling_.kernel->pixels;
  }

  // What a thread works on.
  struct Workspace {
    Workspace(const FloatConv& conv, const Call& call, int share, int shares)
        : planes(call.workspace + conv.ThreadFloats() * share),
          sums(planes + conv.PlanesFloats()),
          discarded(sums + conv.SumsFloats()),
          shared_sums(call.workspace + conv.ThreadFloats() * shares) {}

    float* planes;
    float* sums;
    float* discarded;
    float* shared_sums;  // of shared tiles; for all threads
  };

  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const Workspace workspace(*call.conv, call, share, shares);
    call.conv->RunTiles(call, workspace, share, shares);
    call.conv->MultiplyShared(call, workspace, share, shares);
  }

  static void StoreShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const Workspace workspace(*call.conv, call, share, shares);
    call.conv->StoreShared(call, workspace, share, shares);
  }

  // The band that begins with a tile, of at most `most` tiles.
  FloatBand BandFrom(const Call& call, int64_t tile, int64_t most) const {
    const int64_t strip = tile / call.strip_tiles;
    FloatBand band;
    band.rows = call.rows;
    band.image = static_cast<int>(strip / tiling_.strips);
    band.strip = static_cast<int>(strip % tiling_.strips);
    band.first_tile = static_cast<int>(tile % call.strip_tiles);
    band.tiles = static_cast<int>(std::min<int64_t>(
        {tiling_.band_tiles, call.strip_tiles - band.first_tile, most}));
    return band;
  }

  // Whole tiles, of all filters.
  void RunTiles(const Call& call, const Workspace& workspace, int share,
                int shares) const {
    const int64_t tiles = call.tiles - call.shared_tiles;
    const int64_t end = tiles * (share + 1) / shares;
    FloatBand band;
    PhaseClock clock(call.ticks);
    for (int64_t tile = tiles * share / shares; tile < end;
         tile += band.tiles) {
      band = BandFrom(call, tile, end - tile);
      PackFloatPlanes(geometry(), tiling_, band, call.input, zeros_.data(),
                      workspace.planes);
      clock.End(Phase::kPack);
      FloatBandStart start(tiling_, band);
      const float* planes = workspace.planes + start.lane;
      for (int i = 0; i < band.tiles; ++i) {
        Multiply(planes + i * tiling_.kernel->pixels, 0, stream_.units,
                 workspace.sums);
        clock.End(Phase::kMultiply);
        Store(band, start, 0, tile_vectors(), workspace.sums,
              workspace.discarded, call.output);
        clock.End(Phase::kStore);
        start.lane += tiling_.kernel->pixels;
        start.row += start.lane / tiling_.pitch;
        start.lane %= tiling_.pitch;
      }
    }
  }

  // Some filters of the shared tiles.
  void MultiplyShared(const Call& call, const Workspace& workspace, int share,
                      int shares) const {
    if (call.shared_tiles == 0) return;
    PhaseClock clock(call.ticks);
    TileShares(call.shared_tiles, 1, 1, stream_.units)
        .ForEach(share, shares, [&](int64_t tile, int first, int units) {
          const FloatBand band =
              BandFrom(call, call.tiles - call.shared_tiles + tile, 1);
          PackFloatPlanes(geometry(), tiling_, band, call.input, zeros_.data(),
                          workspace.planes);
          clock.End(Phase::kPack);
          Multiply(workspace.planes + FloatBandStart(tiling_, band).lane, first,
                   units, workspace.shared_sums + SumsFloats() * tile);
          clock.End(Phase::kMultiply);
        });
  }

  // Some vectors of the shared tiles.
  void StoreShared(const Call& call, const Workspace& workspace, int share,
                   int shares) const {
    PhaseClock clock(call.ticks);
    TileShares(call.shared_tiles, 1, 1, tile_vectors())
        .ForEach(share, shares, [&](int64_t tile, int first, int vectors) {
          const FloatBand band =
              BandFrom(call, call.tiles - call.shared_tiles + tile, 1);
          Store(band, FloatBandStart(tiling_, band), first, vectors,
                workspace.shared_sums + SumsFloats() * tile,
                workspace.discarded, call.output);
          clock.End(Phase::kStore);
        });
  }

  int tile_vectors() const {
    return tiling_.kernel->pixels / tiling_.kernel->lanes;
  }

  // Sums of units of a tile, whose sums begin at `sums`.
  void Multiply(const float* planes, int first_unit, int units,
                float* sums) const {
    FloatMultiplyArgs args = {};
    args.units = units;
    args.sums = sums + first_unit * unit_floats();
    args.first = true;
    for (const FloatStream::Block& block : stream_.blocks) {
      args.planes = planes + block.first_channel * tiling_.channel_floats();
      args.stream = stream_.words.data() + block.unit_begin[first_unit];
      tiling_.kernel->multiply(&args);
      args.first = false;
    }
  }

  // Writes the outputs of vectors of a tile that begins at a lane of a row.
  void Store(const FloatBand& band, const FloatBandStart& start, int first,
             int vectors, const float* sums, float* discarded,
             float* output) const {
    const ActivationShape& shape = geometry().output;
    const FloatKernel& kernel = *tiling_.kernel;
    const int first_column = band.strip * tiling_.columns;
    const int columns = std::min(tiling_.columns, shape.width - first_column);
    const int begin = first * kernel.lanes;
    int row = start.row + (start.lane + begin) / tiling_.pitch;
    int lane = (start.lane + begin) % tiling_.pitch;
    for (int i = 0; i < vectors; ++i) {
      float* pixels[kMaxFloatLanes];
      bool any = false;
      for (int l = 0; l < kernel.lanes; ++l) {
        const int x = lane - tiling_.first_lane;
        const ptrdiff_t pixel =
            (ptrdiff_t{band.image} * shape.height + row) * shape.width +
            first_column + x;
        const bool valid = row < band.rows.end && x >= 0 && x < columns;
        pixels[l] = valid ? output + pixel * shape.channels : discarded;
        any = any || valid;
        if (++lane == tiling_.pitch) {
          lane = 0;
          ++row;
        }
      }
      if (!any) continue;
      store_.Store(kernel, sums + begin + i * kernel.lanes, rows_.data(),
                   pixels);
    }
  }

  const int block_bytes_;  // 0: the default
  std::vector<const FloatKernel*> kernels_;
  PatternWeights weights_;
  std::vector<float> zeros_;
  FloatStore store_;
  FloatTiling tiling_;
  FloatStream stream_;
  std::vector<uint32_t> rows_;  // where the sums of each channel begin
};

}  // namespace

std::unique_ptr<PatternConv> CreateFloatConv(
    const ConvDescription& description, std::vector<const FloatKernel*> kernels,
    const ConvTuning& tuning) {
  if (IsSet(tuning.kernel)) kernels.resize(1);
  return std::make_unique<FloatConv>(description, std::move(kernels), tuning);
}

}  // namespace tf_pconv
