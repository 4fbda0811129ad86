#include "delegate/core/depthwise/conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/depthwise/stream.h"
#include "delegate/core/depthwise/weights.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/phases.h"
#include "delegate/core/row_task.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {
namespace {

class DepthwiseConv : public WindowConv {
 public:
  DepthwiseConv(const ConvDescription& description,
                const DepthwiseKernel& kernel)
      : WindowConv(description),
        kernel_(kernel),
        stage_(MakeInt8OutputStage(description)),
        stream_(description, stage_, kernel),
        padding_(sizes().channels,
                 static_cast<int8_t>(description.input_zero_point)) {}

  size_t WorkspaceBytes(int threads) const override {
    return ThreadBytes() * threads;
  }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    Call call = {this,
                 static_cast<const int8_t*>(inputs[0]),
                 static_cast<int8_t*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 ticks};
    RunTask(pool, RowsOf(output_shape(), rows), RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  struct Call {
    const DepthwiseConv* conv;
    const int8_t* input;
    int8_t* output;
    uint8_t* workspace;
    RowRange rows;
    PhaseTicks* ticks;
  };

  // The pixels of the input rows of a window. Windows below each other share
  // rows, which are found once.
  class WindowRows {
   public:
    WindowRows(const DepthwiseConv& conv, const int8_t* input, void* workspace)
        : conv_(conv),
          input_(input),
          pixels_(static_cast<const int8_t**>(workspace)) {}

    // Finds the rows of the window of outputs in row `y` of an image.
    void Find(int image, int y, const int8_t* const** rows) {
      const Geometry& geometry = conv_.geometry();
      const int top = y * geometry.stride_height - geometry.pad_top;
      if (image != image_ || top < top_) found_ = top;
      image_ = image;
      top_ = top;
      const int bottom = top + kKernelSide;
      for (found_ = std::max(found_, top); found_ < bottom; ++found_) {
        FindRow(found_);
      }
      for (int i = 0; i < kKernelSide; ++i) rows[i] = PixelsOf(top + i);
    }

   private:
    const int8_t** PixelsOf(int row) const {
      const int place = (row + conv_.geometry().pad_top) % kKernelSide;
      return pixels_ + place * conv_.WindowColumns();
    }

    void FindRow(int row) {
      const ActivationShape& shape = conv_.geometry().input;
      const int columns = static_cast<int>(conv_.WindowColumns());
      const int8_t** pixels = PixelsOf(row);
      if (row < 0 || row >= shape.height) {
        std::fill_n(pixels, columns, conv_.padding_.data());
        return;
      }
      const int left = conv_.geometry().pad_left;
      const int8_t* pixel = input_ + (ptrdiff_t{image_} * shape.height + row) *
                                         shape.width * shape.channels;
      for (int i = 0; i < columns; ++i) {
        const bool inside = i >= left && i < left + shape.width;
        pixels[i] = inside ? pixel : conv_.padding_.data();
        if (inside) pixel += shape.channels;
      }
    }

    const DepthwiseConv& conv_;
    const int8_t* const input_;
    const int8_t** const pixels_;
    // Of the last window.
    int image_ = -1;
    int top_ = 0;
    int found_ = 0;  // the first row that has not been found
  };

  // Columns that the windows of a row of outputs cover.
  size_t WindowColumns() const {
    return size_t(geometry().output.width - 1) * geometry().stride_width +
           kKernelSide;
  }
  size_t ThreadBytes() const {
    return AlignUp(WindowColumns() * kKernelSide * sizeof(int8_t*));
  }

  static void RunShare(void* context, const ThreadPool::Share& share) {
    const Call& call = *static_cast<Call*>(context);
    call.conv->ComputeRows(call, share);
  }

  void ComputeRows(const Call& call, const ThreadPool::Share& share) const {
    const ActivationShape& shape = geometry().output;
    DepthwiseRowArgs args = {};
    args.pixel_bytes = shape.channels;
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = static_cast<int16_t>(2 * stage_.zero_point + 1);

    PhaseClock clock(call.ticks);
    WindowRows window(*this, call.input,
                      call.workspace + ThreadBytes() * share.thread());
    TakeRows(share, call.rows, [&](int image, int y) {
      window.Find(image, y, args.rows);
      clock.End(Phase::kPack);
      int8_t* outputs = call.output + (ptrdiff_t{image} * shape.height + y) *
                                          shape.width * shape.channels;
      for (const DepthwiseBlock& block : stream_.blocks()) {
        ComputeBlock(block, outputs, &args);
      }
      clock.End(Phase::kMultiply);
    });
  }

  void ComputeBlock(const DepthwiseBlock& block, int8_t* outputs,
                    DepthwiseRowArgs* args) const {
    const size_t width = geometry().output.width;
    const size_t parts = size_t{1} << block.halvings;
    args->stream = stream_.data() + block.stream;
    args->channel = block.first_channel;
    args->outputs = outputs + block.first_channel;
    args->count = (width + parts - 1) / parts;
    for (size_t part = 0; part < parts; ++part) {
      args->parts[part] = std::min(part * args->count, width - args->count);
    }
    kernel_.row[block.halvings][geometry().stride_width - 1](args);
  }

  const DepthwiseKernel& kernel_;
  const Int8OutputStage stage_;
  const DepthwiseStream stream_;
  const std::vector<int8_t> padding_;  // a pixel of zero points
};

}  // namespace

std::unique_ptr<PatternConv> CreateDepthwiseConv(
    const ConvDescription& description, const DepthwiseKernel& kernel) {
  return std::make_unique<DepthwiseConv>(description, kernel);
}

}  // namespace tf_pconv
