#include "delegate/core/max_pool/max_pool.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/max_pool/kernel_table.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/row_task.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {
namespace {

// What differs between the types.
struct Int8Pool {
  using Value = int8_t;
  using Args = Int8MaxPoolArgs;

  static Int8Range Range(const MaxPoolDescription& description) {
    return QuantizedRange(description.activation, description.scale,
                          description.zero_point);
  }
  static auto KernelOf(const MaxPoolKernel& kernel, int side) {
    return kernel.pool_int8[side - kMaxPoolLeastSide];
  }
};

struct FloatPool {
  using Value = float;
  using Args = FloatMaxPoolArgs;

  static FloatRange Range(const MaxPoolDescription& description) {
    return ActivationRange(description.activation);
  }
  static auto KernelOf(const MaxPoolKernel& kernel, int side) {
    return kernel.pool_float32[side - kMaxPoolLeastSide];
  }
};

template <typename Pool>
class MaxPool : public WindowOperator<Operator> {
 public:
  MaxPool(const MaxPoolDescription& description, const MaxPoolKernel& kernel)
      : WindowOperator({description.channels, description.channels,
                        description.side, description.stride_height,
                        description.stride_width, description.padding}),
        kernel_(kernel),
        pool_(Pool::KernelOf(kernel, description.side)) {
    const auto range = Pool::Range(description);
    args_.min = range.min;
    args_.max = range.max;
    args_.channels = description.channels;
  }

  size_t WorkspaceBytes(int) const override { return 0; }

  void RunRows(const void* const* inputs, void* output, RowRange rows, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override {
    Call call = {this, static_cast<const Value*>(inputs[0]),
                 static_cast<Value*>(output), rows, ticks};
    RunTask(pool, RowsOf(output_shape(), rows), RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Pool::Value;
  using Args = typename Pool::Args;

  struct Call {
    const MaxPool* pool;
    const Value* input;
    Value* output;
    RowRange rows;
    PhaseTicks* ticks;
  };

  static void RunShare(void* context, const ThreadPool::Share& share) {
    const Call& call = *static_cast<Call*>(context);
    PhaseClock clock(call.ticks);
    TakeRows(share, call.rows,
             [&](int image, int y) { call.pool->ComputeRow(call, image, y); });
    clock.End(Phase::kMultiply);
  }

  void ComputeRow(const Call& call, int image, int y) const {
    const Geometry& windows = geometry();
    const ActivationShape& in = windows.input;
    const int top = y * windows.stride_height - windows.pad_top;
    const Value* rows[kMaxPoolPixels];
    for (int i = 0; i < sizes().kernel_side; ++i) {
      const int row = std::clamp(top + i, 0, in.height - 1);
      rows[i] = call.input +
                (ptrdiff_t{image} * in.height + row) * in.width * in.channels;
    }
    Value* output =
        call.output + (ptrdiff_t{image} * windows.output.height + y) *
                          windows.output.width * in.channels;
    // Windows at the left and right edge one by one, those between together.
    const int width = windows.output.width;
    for (int x = 0; x < width;) {
      const int left = x * windows.stride_width - windows.pad_left;
      int count = 1;
      if (left >= 0 && left + sizes().kernel_side <= in.width) {
        count += (in.width - sizes().kernel_side - left) / windows.stride_width;
        count = std::min(count, width - x);
      }
      ComputeWindows(rows, left, count, output + ptrdiff_t{x} * in.channels);
      x += count;
    }
  }

  // `rows` are those of the windows; the first one begins at column `left`.
  void ComputeWindows(const Value* const* rows, int left, int count,
                      Value* output) const {
    const ActivationShape& in = geometry().input;
    const int side = sizes().kernel_side;
    Args args = args_;
    args.step = size_t(geometry().stride_width) * in.channels;
    args.output = output;
    args.count = count;
    for (int i = 0; i < side * side; ++i) {
      const int column = std::clamp(left + i % side, 0, in.width - 1);
      args.pixels[i] = rows[i / side] + ptrdiff_t{column} * in.channels;
    }
    pool_(&args);
  }

  const MaxPoolKernel& kernel_;
  void (*const pool_)(const Args* args);
  Args args_ = {};  // what all calls have in common
};

}  // namespace

std::unique_ptr<Operator> CreateMaxPool(const MaxPoolDescription& description,
                                        Status* status) {
  const int sides = description.side - kMaxPoolLeastSide;
  if (sides < 0 || sides >= kMaxPoolSides) {
    *status = Status::Error("windows of %dx%d; accepted are 2x2 and 3x3",
                            description.side, description.side);
    return nullptr;
  }
  if (description.type == DataType::kInt8 &&
      (!std::isfinite(description.scale) || description.scale <= 0)) {
    *status = Status::Error("the scale is %g; accepted are positive numbers",
                            double(description.scale));
    return nullptr;
  }
  const int bytes = description.type == DataType::kInt8 ? 1 : sizeof(float);
  const MaxPoolKernel* kernel = FastestKernel(
      native::kMaxPoolKernels, CpuFeatures(), [&](const MaxPoolKernel& kernel) {
        return kernel.bytes <= description.channels * bytes;
      });
  if (kernel == nullptr) {
    *status = Status::Error("this processor has no kernel for %d channels",
                            description.channels);
    return nullptr;
  }
  return CreateMaxPool(description, *kernel);
}

std::unique_ptr<Operator> CreateMaxPool(const MaxPoolDescription& description,
                                        const MaxPoolKernel& kernel) {
  if (description.type == DataType::kInt8) {
    return std::make_unique<MaxPool<Int8Pool>>(description, kernel);
  }
  return std::make_unique<MaxPool<FloatPool>>(description, kernel);
}

}  // namespace tf_pconv
