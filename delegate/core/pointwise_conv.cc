#include "delegate/core/pointwise_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pointwise_pixels.h"
#include "delegate/core/pointwise_stream.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

constexpr int kMaxPlaneBytes = 64;
// The least that PointwiseKernel::pack and ::store transpose.
constexpr int kTransposedChannels = 16;

class PointwiseConv : public PatternConv {
 public:
  PointwiseConv(const ConvDescription& description,
                std::vector<const PointwiseKernel*> kernels)
      : kernels_(std::move(kernels)),
        kernel_(*kernels_.front()),
        shape_(description),
        stage_(MakeInt8OutputStage(description)),
        stream_(PackPointwiseStream(description, stage_, kernel_)) {}

  Status Resize(const ActivationShape& input) override {
    return ComputeGeometry(shape_, input, &geometry_);
  }

  ActivationShape output_shape() const override { return geometry_.output; }

  size_t WorkspaceBytes(int threads) const override {
    return ThreadBytes() * threads;
  }

  RowRange InputRows(RowRange rows) const override {
    return tf_pconv::InputRows(geometry_, rows);
  }

  int row_unit() const override { return 1; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool) const override {
    const ActivationShape& shape = geometry_.output;
    Call call = {this,
                 static_cast<const int8_t*>(inputs[0]),
                 static_cast<int8_t*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 int64_t{shape.batch} * (rows.end - rows.begin) * shape.width};
    RunShares(pool, RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  struct Call {
    const PointwiseConv* conv;
    const int8_t* input;
    int8_t* output;
    uint8_t* workspace;
    RowRange rows;
    int64_t pixels;
  };

  // Where each byte of a plane comes from, and each output of a tile goes to.
  struct TilePixels {
    const int8_t* inputs[kMaxPlaneBytes];
    int8_t* outputs[kMaxPlaneBytes];
  };

  // Parts of a thread's workspace.
  size_t PlanesBytes() const {
    return AlignUp(size_t(shape_.channels) * kernel_.plane_bytes);
  }
  // One row more than there are filters, for those that fill up groups.
  size_t OutputsBytes() const {
    return AlignUp(size_t(shape_.filters + 1) * kernel_.pixels);
  }
  size_t DiscardedBytes() const { return AlignUp(shape_.filters); }
  size_t ThreadBytes() const {
    return PlanesBytes() + OutputsBytes() + DiscardedBytes();
  }

  // The smallest tile that holds `pixels` pixels, or the largest there is.
  const PointwiseKernel& KernelFor(int64_t pixels) const {
    const PointwiseKernel* chosen = kernels_.front();
    for (const PointwiseKernel* kernel : kernels_) {
      if (kernel->pixels >= pixels) chosen = kernel;
    }
    return *chosen;
  }

  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    call.conv->RunTiles(call, share, shares);
  }

  void RunTiles(const Call& call, int share, int shares) const {
    uint8_t* planes = call.workspace + ThreadBytes() * share;
    int8_t* outputs = reinterpret_cast<int8_t*>(planes + PlanesBytes());
    int8_t* discarded = outputs + OutputsBytes();

    PointwiseMultiplyArgs args = {};
    args.planes = planes;
    args.stream = stream_.words.data();
    args.groups = stream_.groups;
    args.outputs = outputs;
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = static_cast<int16_t>(2 * stage_.zero_point + 1);

    // Shares are whole small tiles.
    const int unit = kernels_.back()->pixels;
    const int64_t units = (call.pixels + unit - 1) / unit;
    const int64_t end =
        std::min(units * (share + 1) / shares * unit, call.pixels);
    TilePixels pixels;
    for (int64_t pixel = units * share / shares * unit; pixel < end;) {
      const PointwiseKernel& kernel = KernelFor(end - pixel);
      const int count =
          static_cast<int>(std::min<int64_t>(kernel.pixels, end - pixel));
      FindPixels(call, kernel, pixel, count, discarded, &pixels);
      Pack(kernel, pixels, planes);
      kernel.multiply(&args);
      Store(kernel, outputs, pixels);
      pixel += count;
    }
  }

  // Finds what a tile of `count` pixels is packed from and stored to.
  void FindPixels(const Call& call, const PointwiseKernel& kernel,
                  int64_t first, int count, int8_t* discarded,
                  TilePixels* pixels) const {
    std::fill_n(pixels->outputs, kernel.pixels, discarded);
    PixelCursor<int8_t> cursor(geometry_, call.rows, call.input, call.output,
                               first);
    const int lanes = kernel.plane_bytes / kPointwiseLaneBytes;
    int found = 0;
    for (int quad = 0; quad < kPointwiseLaneBytes; quad += kPointwiseQuad) {
      for (int lane = 0; lane < lanes; ++lane) {
        const int8_t** inputs =
            pixels->inputs + lane * kPointwiseLaneBytes + quad;
        for (int i = 0; i < kPointwiseQuad; ++i) {
          // What lies beyond the tile or the last pixel repeats that: nobody
          // reads it.
          inputs[i] = cursor.input();
          if (found == count) continue;
          pixels->outputs[found] = cursor.output();
          if (++found < count) cursor.Next();
        }
      }
    }
  }

  void Pack(const PointwiseKernel& kernel, const TilePixels& pixels,
            uint8_t* planes) const {
    if (shape_.channels >= kTransposedChannels) {
      kernel.pack(pixels.inputs, 0, shape_.channels, planes,
                  kernel.plane_bytes);
      return;
    }
    for (int channel = 0; channel < shape_.channels; ++channel) {
      for (int i = 0; i < kernel.plane_bytes; ++i) {
        planes[channel * kernel.plane_bytes + i] = static_cast<uint8_t>(
            pixels.inputs[i][channel] + kernel.input_offset);
      }
    }
  }

  void Store(const PointwiseKernel& kernel, const int8_t* outputs,
             const TilePixels& pixels) const {
    if (shape_.filters >= kTransposedChannels) {
      kernel.store(outputs, shape_.filters, kernel.pixels, pixels.outputs);
      return;
    }
    for (int filter = 0; filter < shape_.filters; ++filter) {
      for (int pixel = 0; pixel < kernel.pixels; ++pixel) {
        pixels.outputs[pixel][filter] = outputs[filter * kernel.pixels + pixel];
      }
    }
  }

  const std::vector<const PointwiseKernel*> kernels_;
  const PointwiseKernel& kernel_;  // with the largest tile
  const ConvShape shape_;
  const Int8OutputStage stage_;
  const PointwiseStream stream_;
  Geometry geometry_;
};

}  // namespace

std::unique_ptr<PatternConv> CreatePointwiseConv(
    const ConvDescription& description,
    std::vector<const PointwiseKernel*> kernels) {
  return std::make_unique<PointwiseConv>(description, std::move(kernels));
}

}  // namespace tf_pconv
