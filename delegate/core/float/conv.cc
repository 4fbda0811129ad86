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
#include "delegate/core/tiled_conv.h"

namespace tf_pconv {
namespace {

class FloatConv : public TiledConv {
 public:
  FloatConv(const ConvDescription& description,
            std::vector<const FloatKernel*> kernels, const ConvTuning& tuning)
      : TiledConv(description),
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

  const char* kernel_name() const override { return tiling_.kernel->name; }

 protected:
  int64_t TilesOf(RowRange rows) const override {
    return int64_t{geometry().output.batch} * tiling_.strips *
           tiling_.TilesOf(rows.end - rows.begin);
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
    FloatBand band;
    for (int64_t tile = tiles.begin; tile < tiles.end; tile += band.tiles) {
      band = BandFrom(call, tile, tiles.end - tile);
      Pack(call, band, memory);
      clock->End(Phase::kPack);
      FloatBandStart start(tiling_, band);
      const float* planes = PlanesAt(memory) + start.lane;
      for (int i = 0; i < band.tiles; ++i) {
        Multiply(planes + i * tiling_.kernel->pixels, 0, stream_.units, sums);
        clock->End(Phase::kMultiply);
        Store(call, band, start, sums, memory);
        clock->End(Phase::kStore);
        start.lane += tiling_.kernel->pixels;
        start.row += start.lane / tiling_.pitch;
        start.lane %= tiling_.pitch;
      }
    }
  }

  void PackTile(const Call& call, int64_t tile,
                uint8_t* memory) const override {
    Pack(call, BandFrom(call, tile, 1), memory);
  }

  void MultiplyTile(const Call& call, int64_t tile, WorkRange units,
                    uint8_t* memory, uint8_t* products) const override {
    const FloatBandStart start(tiling_, BandFrom(call, tile, 1));
    Multiply(PlanesAt(memory) + start.lane, static_cast<int>(units.begin),
             static_cast<int>(units.end - units.begin),
             reinterpret_cast<float*>(products));
  }

  void StoreTile(const Call& call, int64_t tile, uint8_t* memory,
                 const uint8_t* products) const override {
    const FloatBand band = BandFrom(call, tile, 1);
    Store(call, band, FloatBandStart(tiling_, band),
          reinterpret_cast<const float*>(products), memory);
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
    return AlignUp(sizeof(float) * stream_.units * unit_floats());
  }

  // Sums of a unit.
  size_t unit_floats() const {
    return size_t(tiling_.kernel->group_size) * tiling_.kernel->pixels;
  }

  // The band that begins with a tile, of at most `most` tiles.
  FloatBand BandFrom(const Call& call, int64_t tile, int64_t most) const {
    const int strip_tiles = tiling_.TilesOf(call.rows.end - call.rows.begin);
    const int64_t strip = tile / strip_tiles;
    FloatBand band;
    band.rows = call.rows;
    band.image = static_cast<int>(strip / tiling_.strips);
    band.strip = static_cast<int>(strip % tiling_.strips);
    band.first_tile = static_cast<int>(tile % strip_tiles);
    band.tiles = static_cast<int>(std::min<int64_t>(
        {tiling_.band_tiles, strip_tiles - band.first_tile, most}));
    return band;
  }

  void Pack(const Call& call, const FloatBand& band, uint8_t* memory) const {
    PackFloatPlanes(geometry(), tiling_, band,
                    static_cast<const float*>(call.input), zeros_.data(),
                    PlanesAt(memory));
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

  // Writes the outputs of a tile that begins at a lane of a row.
  void Store(const Call& call, const FloatBand& band,
             const FloatBandStart& start, const float* sums,
             uint8_t* memory) const {
    auto* output = static_cast<float*>(call.output);
    float* discarded = DiscardedAt(memory);
    const ActivationShape& shape = geometry().output;
    const FloatKernel& kernel = *tiling_.kernel;
    const int first_column = band.strip * tiling_.columns;
    const int columns = std::min(tiling_.columns, shape.width - first_column);
    int row = start.row;
    int lane = start.lane;
    for (int begin = 0; begin < kernel.pixels; begin += kernel.lanes) {
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
      store_.Store(kernel, sums + begin, rows_.data(), pixels);
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
