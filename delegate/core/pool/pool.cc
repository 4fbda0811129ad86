#include "delegate/core/pool/pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "delegate/core/output_stage.h"
#include "delegate/core/pool/average.h"
#include "delegate/core/pool/fastest_kernel.h"
#include "delegate/core/row_task.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {
namespace {

constexpr int kLeastSide = 2;
constexpr int kMaxAverageSide = 1024;
static_assert(kMaxAverageSide * kMaxAverageSide <= kMaxAveragePixels);

class Int8Max {
 public:
  using Value = int8_t;

  Int8Max(int side, Int8Range range, const PoolKernel& kernel)
      : run_(kernel.max_int8[side - kMaxPoolLeastSide]), range_(range) {}

  void Run(const PoolWindows<int8_t>& windows) const {
    const Int8MaxPoolArgs args = {windows, range_.min, range_.max};
    run_(&args);
  }

 private:
  void (*const run_)(const Int8MaxPoolArgs* args);
  const Int8Range range_;
};

class FloatMax {
 public:
  using Value = float;

  FloatMax(int side, FloatRange range, const PoolKernel& kernel)
      : run_(kernel.max_float32[side - kMaxPoolLeastSide]), range_(range) {}

  void Run(const PoolWindows<float>& windows) const {
    const FloatMaxPoolArgs args = {windows, range_.min, range_.max};
    run_(&args);
  }

 private:
  void (*const run_)(const FloatMaxPoolArgs* args);
  const FloatRange range_;
};

// `Outputs` makes them of windows: one of the two above, or an average.
template <typename Outputs>
class Pool : public WindowOperator<Operator> {
 public:
  Pool(const PoolDescription& description, const PoolKernel& kernel,
       const Outputs& outputs)
      : WindowOperator({description.channels, description.channels,
                        description.side, description.side,
                        description.stride_height, description.stride_width,
                        description.padding}),
        kernel_(kernel),
        outputs_(outputs) {}

  size_t WorkspaceBytes(int) const override { return 0; }

  void RunRows(const void* const* inputs, void* output, RowRange rows, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override {
    RunRowTask(pool, output_shape(), rows, Phase::kMultiply, ticks,
               [&](int image, int y) {
                 ComputeRow(static_cast<const Value*>(inputs[0]),
                            static_cast<Value*>(output), image, y);
               });
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Outputs::Value;

  // What windows have of the pixels of a dimension.
  struct Extent {
    int begin;
    int size;
  };

  static Extent CutOff(int begin, int side, int size) {
    const int end = std::min(begin + side, size);
    begin = std::max(begin, 0);
    return {begin, end - begin};
  }

  void ComputeRow(const Value* input, Value* output, int image, int y) const {
    const ActivationShape& in = geometry().input;
    const ActivationShape& out = geometry().output;
    const int stride = geometry().stride_width;
    const Extent rows =
        CutOff(y * geometry().stride_height - geometry().pad_top,
               sizes().kernel_height, in.height);
    PoolWindows<Value> windows;
    windows.rows = rows.size;
    windows.pixel_step = windows.channels = in.channels;
    windows.row_step = windows.pixel_step * in.width;
    windows.step = windows.pixel_step * stride;
    const Value* row =
        input + (ptrdiff_t{image} * in.height + rows.begin) * windows.row_step;
    windows.output =
        output + (ptrdiff_t{image} * out.height + y) * out.width * out.channels;
    // Windows at the left and right edge one by one, those between together.
    for (int x = 0; x < out.width;) {
      const int left = x * stride - geometry().pad_left;
      const Extent columns = CutOff(left, sizes().kernel_width, in.width);
      int count = 1;
      if (columns.size == sizes().kernel_width) {
        count += (in.width - columns.size - left) / stride;
        count = std::min(count, out.width - x);
      }
      windows.columns = columns.size;
      windows.input = row + columns.begin * windows.pixel_step;
      windows.count = count;
      outputs_.Run(windows);
      windows.output += count * windows.channels;
      x += count;
    }
  }

  const PoolKernel& kernel_;
  const Outputs outputs_;
};

template <typename Outputs>
std::unique_ptr<Operator> MakePool(const PoolDescription& description,
                                   const PoolKernel& kernel,
                                   const Outputs& outputs) {
  return std::make_unique<Pool<Outputs>>(description, kernel, outputs);
}

Status Check(const PoolDescription& description) {
  const int side = description.side;
  if (description.kind == PoolKind::kMax &&
      (side < kMaxPoolLeastSide || side >= kMaxPoolLeastSide + kMaxPoolSides)) {
    return Status::Error("windows of %dx%d; accepted are 2x2 and 3x3", side,
                         side);
  }
  if (side < kLeastSide || side > kMaxAverageSide) {
    return Status::Error("windows of %dx%d; accepted are 2x2 to %dx%d", side,
                         side, kMaxAverageSide, kMaxAverageSide);
  }
  if (description.type == DataType::kInt8) {
    return CheckQuantization("input", description.quantization);
  }
  return Status();
}

}  // namespace

std::unique_ptr<Operator> CreatePool(const PoolDescription& description,
                                     Status* status) {
  *status = Check(description);
  if (!status->ok()) return nullptr;
  const PoolKernel* kernel =
      FastestPoolKernel(description.type, description.channels, status);
  if (kernel == nullptr) return nullptr;
  return CreatePool(description, *kernel);
}

std::unique_ptr<Operator> CreatePool(const PoolDescription& description,
                                     const PoolKernel& kernel) {
  const int side = description.side;
  const bool is_max = description.kind == PoolKind::kMax;
  if (description.type == DataType::kInt8) {
    const Int8Range range =
        QuantizedRange(description.activation, description.quantization);
    if (is_max) {
      return MakePool(description, kernel, Int8Max(side, range, kernel));
    }
    // Rounds as TFLite does, which takes no account of the zero point.
    return MakePool(description, kernel, Int8Average(1.0, 0, 0, range, kernel));
  }
  const FloatRange range = ActivationRange(description.activation);
  if (is_max) {
    return MakePool(description, kernel, FloatMax(side, range, kernel));
  }
  return MakePool(description, kernel, FloatAverage(range, kernel));
}

}  // namespace tf_pconv
