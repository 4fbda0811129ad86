#include "delegate/core/float_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/float_planes.h"
#include "delegate/core/float_stream.h"
#include "delegate/core/float_tiling.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

constexpr size_t kLineFloats = 16;

size_t WholeLines(size_t floats) {
  return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

class FloatConv : public PatternConv {
 public:
  FloatConv(const ConvDescription& description,
            std::vector<const FloatKernel*> kernels)
      : kernels_(std::move(kernels)),
        shape_(description),
        weights_(*description.weights),
        range_(ActivationRange(description.activation)),
        zeros_(shape_.channels, 0.0f),
        bias_(WholeLines(shape_.filters), 0.0f) {
    tiling_.kernel = kernels_.front();
    if (description.float_bias != nullptr) {
      std::copy_n(description.float_bias, shape_.filters, bias_.begin());
    }
  }

  Status Resize(const ActivationShape& input) override {
    const Status status = ComputeGeometry(shape_, input, &geometry_);
    if (!status.ok()) return status;
    const double kept_channels =
        double(weights_.kernels.size()) / weights_.groups();
    tiling_ = ChooseFloatTiling(geometry_, kept_channels, kernels_);
    stream_ = PackFloatStream(weights_, tiling_);
    for (uint32_t& row : stream_.rows) row *= tiling_.kernel->pixels;
    stream_.rows.resize(bias_.size());
    return status;
  }

  ActivationShape output_shape() const override { return geometry_.output; }

  size_t WorkspaceBytes(int threads) const override {
    return ThreadFloats() * sizeof(float) * threads;
  }

  RowRange InputRows(RowRange rows) const override {
    return tf_pconv::InputRows(geometry_, rows);
  }

  int row_unit() const override { return 1; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool) const override {
    Call call = {this, static_cast<const float*>(inputs[0]),
                 static_cast<float*>(output), static_cast<float*>(workspace),
                 rows};
    RunShares(pool, RunShare, &call);
  }

  const char* kernel_name() const override { return tiling_.kernel->name; }

 private:
  struct Call {
    const FloatConv* conv;
    const float* input;
    float* output;
    float* workspace;
    RowRange rows;
  };

  // Parts of a thread's workspace.
  size_t PlanesFloats() const { return FloatPlanesSize(geometry_, tiling_); }
  size_t SumsFloats() const {
    return size_t(stream_.units) * tiling_.kernel->group_size *
           tiling_.kernel->pixels;
  }
  size_t DiscardedFloats() const { return WholeLines(shape_.filters); }
  size_t ThreadFloats() const {
    return WholeLines(PlanesFloats()) + WholeLines(SumsFloats()) +
           DiscardedFloats();
  }

  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    call.conv->RunTiles(call, share, shares);
  }

  void RunTiles(const Call& call, int share, int shares) const {
    float* planes = call.workspace + ThreadFloats() * share;
    float* sums = planes + WholeLines(PlanesFloats());
    float* discarded = sums + WholeLines(SumsFloats());

    const int64_t strips = int64_t{geometry_.output.batch} * tiling_.strips;
    const int strip_tiles = tiling_.TilesOf(call.rows.end - call.rows.begin);
    const int64_t tiles = strips * strip_tiles;
    const int64_t end = tiles * (share + 1) / shares;
    FloatBand band;
    band.rows = call.rows;
    for (int64_t tile = tiles * share / shares; tile < end;
         tile += band.tiles) {
      const int64_t strip = tile / strip_tiles;
      band.image = static_cast<int>(strip / tiling_.strips);
      band.strip = static_cast<int>(strip % tiling_.strips);
      band.first_tile = static_cast<int>(tile % strip_tiles);
      band.tiles = static_cast<int>(std::min<int64_t>(
          {tiling_.band_tiles, strip_tiles - band.first_tile, end - tile}));
      PackFloatPlanes(geometry_, tiling_, band, call.input, zeros_.data(),
                      planes);
      const FloatBandStart start(tiling_, band);
      int row = start.row, lane = start.lane;
      for (int i = 0; i < band.tiles; ++i) {
        Multiply(planes + start.lane + i * tiling_.kernel->pixels, sums);
        Store(band, row, lane, sums, discarded, call.output);
        lane += tiling_.kernel->pixels;
        row += lane / tiling_.pitch;
        lane %= tiling_.pitch;
      }
    }
  }

  void Multiply(const float* planes, float* sums) const {
    FloatMultiplyArgs args = {};
    args.units = stream_.units;
    args.sums = sums;
    args.first = true;
    for (const FloatStream::Block& block : stream_.blocks) {
      args.planes = planes + block.first_channel * tiling_.channel_floats();
      args.stream = stream_.words.data() + block.begin;
      tiling_.kernel->multiply(&args);
      args.first = false;
    }
  }

  // Writes the outputs of a tile that begins at a lane of a row.
  void Store(const FloatBand& band, int row, int lane, const float* sums,
             float* discarded, float* output) const {
    const ActivationShape& shape = geometry_.output;
    const FloatKernel& kernel = *tiling_.kernel;
    const int first_column = band.strip * tiling_.columns;
    const int columns = std::min(tiling_.columns, shape.width - first_column);
    for (int begin = 0; begin < kernel.pixels; begin += kernel.lanes) {
      float* pixels[kMaxFloatLanes];
      for (int i = 0; i < kernel.lanes; ++i) {
        const int x = lane - tiling_.first_lane;
        const ptrdiff_t pixel =
            (ptrdiff_t{band.image} * shape.height + row) * shape.width +
            first_column + x;
        pixels[i] = row < band.rows.end && x >= 0 && x < columns
                        ? output + pixel * shape.channels
                        : nullptr;
        if (++lane == tiling_.pitch) {
          lane = 0;
          ++row;
        }
      }
      StoreVector(sums + begin, pixels, discarded);
    }
  }

  // Writes the channels of a vector of lanes; `pixels` are null where a lane
  // holds no output.
  void StoreVector(const float* sums, float** pixels, float* discarded) const {
    const FloatKernel& kernel = *tiling_.kernel;
    const int whole = shape_.filters / kernel.lanes * kernel.lanes;
    float rest[kMaxFloatLanes][kMaxFloatLanes];
    float* rest_pixels[kMaxFloatLanes];
    bool any = false;
    for (int lane = 0; lane < kernel.lanes; ++lane) {
      rest_pixels[lane] = rest[lane];
      any = any || pixels[lane] != nullptr;
    }
    if (!any) return;
    if (whole != shape_.filters) {
      const FloatStoreArgs args = {sums,
                                   stream_.rows.data() + whole,
                                   bias_.data() + whole,
                                   kernel.lanes,
                                   range_.min,
                                   range_.max,
                                   rest_pixels};
      kernel.store(&args);
      for (int lane = 0; lane < kernel.lanes; ++lane) {
        if (pixels[lane] == nullptr) continue;
        std::copy_n(rest[lane], shape_.filters - whole, pixels[lane] + whole);
      }
    }
    for (int lane = 0; lane < kernel.lanes; ++lane) {
      if (pixels[lane] == nullptr) pixels[lane] = discarded;
    }
    const FloatStoreArgs args = {sums,  stream_.rows.data(), bias_.data(),
                                 whole, range_.min,          range_.max,
                                 pixels};
    kernel.store(&args);
  }

  std::vector<const FloatKernel*> kernels_;
  ConvShape shape_;
  PatternWeights weights_;
  FloatRange range_;
  std::vector<float> zeros_;
  std::vector<float> bias_;  // filled up to whole vectors
  Geometry geometry_;
  FloatTiling tiling_;
  FloatStream stream_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateFloatConv(
    const ConvDescription& description,
    std::vector<const FloatKernel*> kernels) {
  return std::make_unique<FloatConv>(description, std::move(kernels));
}

}  // namespace tf_pconv
