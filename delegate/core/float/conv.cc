#include "delegate/core/float/conv.h"

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

namespace tf_pconv {
namespace {

class FloatConv : public TiledFloatConv {
 public:
  FloatConv(const ConvDescription& description,
            std::vector<const FloatKernel*> kernels, const ConvTuning& tuning)
      : TiledFloatConv(description, std::move(kernels), tuning),
        zeros_(sizes().channels, 0.0f) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    // Packing again would give the same.
    if (is_packed() && inputs[0] == geometry().input) return Status();
    const Status status = WindowConv::Resize(inputs);
    if (!status.ok()) return status;
    const double kept_channels =
        double(weights().kernels.size()) / weights().groups();
    UseTiling(
        ChooseFloatTiling(geometry(), kept_channels, kernels(), block_bytes()));
    rows_ = store().RowOffsets(stream().rows, *tiling().kernel);
    return status;
  }

  // The rows of a band: those of fewer fill no tile of a narrow strip.
  int row_unit() const override {
    if (!is_packed()) return 1;
    const int lanes = tiling().band_tiles * tiling().kernel->pixels;
    return std::max(1, lanes / tiling().pitch);
  }

 protected:
  int64_t TilesOf(RowRange rows) const override {
    return int64_t{geometry().output.batch} * tiling().strips *
           tiling().TilesOf(rows.end - rows.begin);
  }

  void RunTiles(const Call& call, WorkRange tiles, uint8_t* memory,
                PhaseClock* clock) const override {
    float* sums = SumsAt(memory);
    FloatBand band;
    for (int64_t tile = tiles.begin; tile < tiles.end; tile += band.tiles) {
      band = BandFrom(call, tile, tiles.end - tile);
      Pack(call, band, memory);
      clock->End(Phase::kPack);
      FloatBandStart start(tiling(), band);
      const float* planes = PlanesAt(memory) + start.lane;
      for (int i = 0; i < band.tiles; ++i) {
        Multiply(*tiling().kernel, planes + i * tiling().kernel->pixels,
                 {0, filter_units()}, sums);
        clock->End(Phase::kMultiply);
        Store(call, band, start, sums, memory);
        clock->End(Phase::kStore);
        start.lane += tiling().kernel->pixels;
        start.row += start.lane / tiling().pitch;
        start.lane %= tiling().pitch;
      }
    }
  }

  void PackTile(const Call& call, int64_t tile,
                uint8_t* memory) const override {
    Pack(call, BandFrom(call, tile, 1), memory);
  }

  void MultiplyTile(const Call& call, int64_t tile, WorkRange units,
                    uint8_t* memory, uint8_t* products) const override {
    const FloatBandStart start(tiling(), BandFrom(call, tile, 1));
    Multiply(*tiling().kernel, PlanesAt(memory) + start.lane, units,
             reinterpret_cast<float*>(products));
  }

  void StoreTile(const Call& call, int64_t tile, uint8_t* memory,
                 const uint8_t* products) const override {
    const FloatBand band = BandFrom(call, tile, 1);
    Store(call, band, FloatBandStart(tiling(), band),
          reinterpret_cast<const float*>(products), memory);
  }

 private:
  // The band that begins with a tile, of at most `most` tiles.
  FloatBand BandFrom(const Call& call, int64_t tile, int64_t most) const {
    const int strip_tiles = tiling().TilesOf(call.rows.end - call.rows.begin);
    const int64_t strip = tile / strip_tiles;
    FloatBand band;
    band.rows = call.rows;
    band.image = static_cast<int>(strip / tiling().strips);
    band.strip = static_cast<int>(strip % tiling().strips);
    band.first_tile = static_cast<int>(tile % strip_tiles);
    band.tiles = static_cast<int>(std::min<int64_t>(
        {tiling().band_tiles, strip_tiles - band.first_tile, most}));
    return band;
  }

  void Pack(const Call& call, const FloatBand& band, uint8_t* memory) const {
    PackFloatPlanes(geometry(), tiling(), band,
                    static_cast<const float*>(call.input), zeros_.data(),
                    PlanesAt(memory));
  }

  // Writes the outputs of a tile that begins at a lane of a row.
  void Store(const Call& call, const FloatBand& band,
             const FloatBandStart& start, const float* sums,
             uint8_t* memory) const {
    auto* output = static_cast<float*>(call.output);
    float* discarded = DiscardedAt(memory);
    const ActivationShape& shape = geometry().output;
    const FloatKernel& kernel = *tiling().kernel;
    const int first_column = band.strip * tiling().columns;
    const int columns = std::min(tiling().columns, shape.width - first_column);
    int row = start.row;
    int lane = start.lane;
    for (int begin = 0; begin < kernel.pixels; begin += kernel.lanes) {
      float* pixels[kMaxFloatLanes];
      bool any = false;
      for (int l = 0; l < kernel.lanes; ++l) {
        const int x = lane - tiling().first_lane;
        const ptrdiff_t pixel =
            (ptrdiff_t{band.image} * shape.height + row) * shape.width +
            first_column + x;
        const bool valid = row < band.rows.end && x >= 0 && x < columns;
        pixels[l] = valid ? output + pixel * shape.channels : discarded;
        any = any || valid;
        if (++lane == tiling().pitch) {
          lane = 0;
          ++row;
        }
      }
      if (!any) continue;
      store().Store(kernel, sums + begin, rows_.data(), pixels);
    }
  }

  const std::vector<float> zeros_;
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
