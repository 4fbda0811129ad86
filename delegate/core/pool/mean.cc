#include "delegate/core/pool/mean.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "delegate/core/output_stage.h"
#include "delegate/core/pool/average.h"
#include "delegate/core/pool/fastest_kernel.h"
#include "delegate/core/row_task.h"

namespace tf_pconv {
namespace {

// What a thread reads at once, that sharing it pays, and the bytes of channels
// that it writes then, whose multiples leave the kernel few single vectors.
constexpr int64_t kItemInputBytes = 32768;
constexpr int64_t kItemOutputBytes = 256;

// A unit of the input in units of the output.
double RatioOf(const MeanDescription& description) {
  return double(description.input.scale) / double(description.output.scale);
}

template <typename Average>
class Mean : public Operator {
 public:
  Mean(const MeanDescription& description, const PoolKernel& kernel,
       const Average& average)
      : channels_(description.channels), kernel_(kernel), average_(average) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    const ActivationShape& input = inputs[0];
    if (input.channels != channels_) {
      return Status::Error("input has %d channels; expected are %d",
                           input.channels, channels_);
    }
    const int64_t pixels = int64_t{input.height} * input.width;
    if (pixels > kMaxAveragePixels) {
      return Status::Error("images of %dx%d pixels; accepted are up to %d",
                           input.height, input.width, kMaxAveragePixels);
    }
    input_ = input;
    const int64_t channels = kItemInputBytes / (pixels * sizeof(Value));
    item_channels_ =
        std::max((channels + kBlock - 1) / kBlock, int64_t{1}) * kBlock;
    items_ = std::max(static_cast<int>(channels_ / item_channels_), 1);
    return Status();
  }

  ActivationShape output_shape() const override {
    return {input_.batch, 1, 1, channels_};
  }

  size_t WorkspaceBytes(int) const override { return 0; }

  RowRange InputRows(int, RowRange) const override {
    return {0, input_.height};
  }

  int row_unit() const override { return 1; }

  // There is but one row, so that threads share the channels: blocks of them
  // stand for rows.
  void RunRows(const void* const* inputs, void* output, RowRange, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override {
    RunRowTask(pool, output_shape(), {0, items_}, Phase::kMultiply, ticks,
               [&](int image, int item) {
                 Compute(static_cast<const Value*>(inputs[0]),
                         static_cast<Value*>(output), image, item);
               });
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Average::Value;

  static constexpr int64_t kBlock = kItemOutputBytes / sizeof(Value);

  // The last item of an image has what is left of the channels, too.
  void Compute(const Value* input, Value* output, int image, int item) const {
    const ptrdiff_t first = item * item_channels_;
    const ptrdiff_t end =
        item + 1 == items_ ? channels_ : first + item_channels_;
    PoolWindows<Value> windows;
    windows.rows = 1;
    windows.columns = size_t(input_.height) * input_.width;
    windows.pixel_step = channels_;
    windows.row_step = windows.step = windows.columns * channels_;
    windows.input = input + image * windows.step + first;
    windows.output = output + ptrdiff_t{image} * channels_ + first;
    windows.count = 1;
    windows.channels = end - first;
    average_.Run(windows);
  }

  const int channels_;
  const PoolKernel& kernel_;
  const Average average_;
  ActivationShape input_;
  ptrdiff_t item_channels_ = 0;
  int items_ = 0;  // of an image
};

}  // namespace

std::unique_ptr<Operator> CreateMean(const MeanDescription& description,
                                     Status* status) {
  *status = CheckQuantization("input", description.input);
  if (status->ok()) {
    *status = CheckQuantization("output", description.output);
  }
  if (status->ok()) {
    *status = CheckScaleRatio("the scale of the input", RatioOf(description));
  }
  if (!status->ok()) return nullptr;
  const PoolKernel* kernel =
      FastestPoolKernel(description.type, description.channels, status);
  if (kernel == nullptr) return nullptr;
  return CreateMean(description, *kernel);
}

std::unique_ptr<Operator> CreateMean(const MeanDescription& description,
                                     const PoolKernel& kernel) {
  if (description.type == DataType::kInt8) {
    const Int8Average average(
        RatioOf(description), description.input.zero_point,
        description.output.zero_point,
        QuantizedRange(Activation::kNone, description.output), kernel);
    return std::make_unique<Mean<Int8Average>>(description, kernel, average);
  }
  const FloatAverage average(ActivationRange(Activation::kNone), kernel);
  return std::make_unique<Mean<FloatAverage>>(description, kernel, average);
}

}  // namespace tf_pconv
