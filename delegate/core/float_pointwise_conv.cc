#include "delegate/core/float_pointwise_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/float_planes.h"
#include "delegate/core/float_store.h"
#include "delegate/core/float_stream.h"
#include "delegate/core/float_tiling.h"
#include "delegate/core/geometry.h"
#include "delegate/core/pointwise_pixels.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

class FloatPointwiseConv : public PatternConv {
 public:
  FloatPointwiseConv(const ConvDescription& description,
                     std::vector<const FloatKernel*> kernels)
      : kernels_(std::move(kernels)),
        shape_(description),
        weights_(*description.weights),
        store_(description) {
    tiling_.kernel = kernels_.front();
  }

  Status Resize(const ActivationShape& input) override {
    const Status status = ComputeGeometry(shape_, input, &geometry_);
    if (!status.ok()) return status;
    const ActivationShape& output = geometry_.output;
    largest_ = KernelFor(int64_t{output.batch} * output.height * output.width);
    // Packing again for the same tile would give the same.
    if (stream_.units != 0 && tiling_.kernel == kernels_[largest_]) {
      return status;
    }
    tiling_ = PointwiseTiling(*kernels_[largest_], shape_.channels);
    stream_ = PackFloatStream(weights_, tiling_);
    rows_.clear();
    for (const FloatKernel* kernel : kernels_) {
      rows_.push_back(store_.RowOffsets(stream_.rows, *kernel));
    }
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
    const ActivationShape& shape = geometry_.output;
    Call call = {this,
                 static_cast<const float*>(inputs[0]),
                 static_cast<float*>(output),
                 static_cast<float*>(workspace),
                 rows,
                 int64_t{shape.batch} * (rows.end - rows.begin) * shape.width};
    RunShares(pool, RunShare, &call);
  }

  const char* kernel_name() const override { return tiling_.kernel->name; }

 private:
  struct Call {
    const FloatPointwiseConv* conv;
    const float* input;
    float* output;
    float* workspace;
    RowRange rows;
    int64_t pixels;
  };

  // Parts of a thread's workspace.
  size_t PlanesFloats() const {
    return AlignedFloats(FloatPlanesSize(shape_.channels, tiling_));
  }
  size_t SumsFloats() const {
    return AlignedFloats(size_t(stream_.units) * tiling_.kernel->group_size *
                         tiling_.kernel->pixels);
  }
  size_t ThreadFloats() const {
    return PlanesFloats() + SumsFloats() + AlignedFloats(shape_.filters);
  }

  // Index of the smallest tile that holds `pixels` pixels, or of the largest
  // there is from `first` on.
  size_t KernelFor(int64_t pixels, size_t first = 0) const {
    size_t chosen = first;
    for (size_t i = first + 1; i < kernels_.size(); ++i) {
      if (kernels_[i]->pixels >= pixels) chosen = i;
    }
    return chosen;
  }

  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    call.conv->RunTiles(call, share, shares);
  }

  void RunTiles(const Call& call, int share, int shares) const {
    float* planes = call.workspace + ThreadFloats() * share;
    float* sums = planes + PlanesFloats();
    float* discarded = sums + SumsFloats();

    // Shares are whole vectors.
    const int unit = tiling_.kernel->lanes;
    const int64_t units = (call.pixels + unit - 1) / unit;
    const int64_t end =
        std::min(units * (share + 1) / shares * unit, call.pixels);
    for (int64_t pixel = units * share / shares * unit; pixel < end;) {
      const size_t index = KernelFor(end - pixel, largest_);
      const FloatKernel& kernel = *kernels_[index];
      const int count =
          static_cast<int>(std::min<int64_t>(kernel.pixels, end - pixel));
      Pack(call, pixel, count, planes);
      Multiply(kernel, planes, sums);
      Store(call, kernel, pixel, count, sums, rows_[index].data(), discarded);
      pixel += count;
    }
  }

  void Pack(const Call& call, int64_t first, int count, float* planes) const {
    PixelCursor<float> cursor(geometry_, call.rows, call.input, call.output,
                              first);
    const int lanes = tiling_.kernel->lanes;
    for (int begin = 0; begin < count; begin += lanes) {
      const float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < lanes; ++lane) {
        // What lies beyond the last pixel repeats that: nobody reads it.
        pixels[lane] = cursor.input();
        if (begin + lane + 1 < count) cursor.Next();
      }
      PackFloatPixels(*tiling_.kernel, pixels, shape_.channels, planes + begin,
                      tiling_.channel_floats());
    }
  }

  void Multiply(const FloatKernel& kernel, const float* planes,
                float* sums) const {
    FloatMultiplyArgs args = {};
    args.units = stream_.units;
    args.sums = sums;
    args.first = true;
    for (const FloatStream::Block& block : stream_.blocks) {
      args.planes = planes + block.first_channel * tiling_.channel_floats();
      args.stream = stream_.words.data() + block.unit_begin[0];
      kernel.multiply(&args);
      args.first = false;
    }
  }

  void Store(const Call& call, const FloatKernel& kernel, int64_t first,
             int count, const float* sums, const uint32_t* rows,
             float* discarded) const {
    PixelCursor<float> cursor(geometry_, call.rows, call.input, call.output,
                              first);
    for (int begin = 0; begin < count; begin += kernel.lanes) {
      float* pixels[kMaxFloatLanes];
      for (int lane = 0; lane < kernel.lanes; ++lane) {
        const bool valid = begin + lane < count;
        pixels[lane] = valid ? cursor.output() : discarded;
        if (begin + lane + 1 < count) cursor.Next();
      }
      store_.Store(kernel, sums + begin, rows, pixels);
    }
  }

  const std::vector<const FloatKernel*> kernels_;
  const ConvShape shape_;
  const PatternWeights weights_;
  const FloatStore store_;
  Geometry geometry_;
  size_t largest_ = 0;  // index of the largest kernel that this shape needs
  FloatTiling tiling_;  // of that kernel
  FloatStream stream_;
  // For each kernel, where the sums of each channel begin.
  std::vector<std::vector<uint32_t>> rows_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateFloatPointwiseConv(
    const ConvDescription& description,
    std::vector<const FloatKernel*> kernels) {
  return std::make_unique<FloatPointwiseConv>(description, std::move(kernels));
}

}  // namespace tf_pconv
