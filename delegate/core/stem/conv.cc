#include "delegate/core/stem/conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/phases.h"
#include "delegate/core/row_task.h"
#include "delegate/core/stem/input_rows.h"
#include "delegate/core/stem/stream.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {
namespace {

// What differs between the types: the padding, the weights and the range of
// outputs.
class FloatStage {
 public:
  using Value = float;

  FloatStage(const ConvDescription& description, const StemKernel& kernel)
      : range_(ActivationRange(description.activation)),
        stream_(description, nullptr, kernel) {}

  float zero() const { return 0.0f; }
  const StemStream& stream() const { return stream_; }

  void SetRange(StemRowArgs* args) const {
    args->float_min = range_.min;
    args->float_max = range_.max;
  }

 private:
  const FloatRange range_;
  const StemStream stream_;
};

class Int8Stage {
 public:
  using Value = int8_t;

  Int8Stage(const ConvDescription& description, const StemKernel& kernel)
      : zero_(static_cast<int8_t>(description.input.zero_point)),
        stage_(MakeInt8OutputStage(description)),
        stream_(description, &stage_, kernel) {}

  int8_t zero() const { return zero_; }
  const StemStream& stream() const { return stream_; }

  void SetRange(StemRowArgs* args) const {
    args->min = static_cast<int8_t>(stage_.min);
    args->max = static_cast<int8_t>(stage_.max);
    args->center = stage_.center();
  }

 private:
  const int8_t zero_;
  const Int8OutputStage stage_;
  const StemStream stream_;
};

// `Input` is what the kernel reads.
template <typename Stage, typename Input>
class StemConv : public WindowConv {
 public:
  StemConv(const ConvDescription& description, const StemKernel& kernel)
      : WindowConv(description),
        kernel_(kernel),
        steps_(StemSteps(*description.stem, kernel)),
        stage_(description, kernel) {}

  size_t WorkspaceBytes(int threads) const override {
    return ThreadBytes() * threads;
  }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const ActivationShape& shape = geometry().output;
    RunShares(pool, RowsOf(shape, rows), [&](const auto& share) {
      PhaseClock clock(ticks);
      StemInputRows<Value, Input> windows(
          geometry(), RowInputs(), kernel_,
          static_cast<const Value*>(inputs[0]), stage_.zero(),
          static_cast<uint8_t*>(workspace) + ThreadBytes() * share.thread());
      TakeRows(share, rows, [&](int image, int y) {
        const uint8_t* const* window_rows = windows.Find(image, y);
        clock.End(Phase::kPack);
        ComputeRow(window_rows, static_cast<Value*>(output) +
                                    (ptrdiff_t{image} * shape.height + y) *
                                        shape.width * shape.channels);
        clock.End(Phase::kMultiply);
      });
    });
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Stage::Value;

  // Inputs from one window to the next.
  size_t WindowStep() const {
    return size_t(geometry().stride_width) * geometry().input.channels;
  }

  // Inputs of a row that kernels read: those of whole tiles.
  size_t RowInputs() const {
    const size_t width = geometry().output.width;
    size_t windows = width;
    for (const StemBlock& block : stage_.stream().blocks()) {
      const size_t pixels = block.kernel->pixels;
      windows = std::max(windows, (width + pixels - 1) / pixels * pixels);
    }
    return (windows - 1) * WindowStep() +
           steps_ * (kStemStepBytes / sizeof(Input));
  }

  size_t ThreadBytes() const {
    return StemInputRows<Value, Input>::Bytes(geometry(), RowInputs());
  }

  void ComputeRow(const uint8_t* const* rows, Value* outputs) const {
    const size_t filters = sizes().filters;
    StemRowArgs args = {};
    args.rows = rows;
    args.window_rows = geometry().window_height;
    args.steps = steps_;
    args.window_bytes = WindowStep() * sizeof(Input);
    args.pixel_bytes = filters * sizeof(Value);
    args.count = geometry().output.width;
    stage_.SetRange(&args);
    for (const StemBlock& block : stage_.stream().blocks()) {
      args.stream = stage_.stream().Of(block);
      args.outputs = reinterpret_cast<uint8_t*>(outputs + block.first_filter);
      block.kernel->row(&args);
    }
  }

  const StemKernel& kernel_;
  const size_t steps_;
  const Stage stage_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateStemConv(const ConvDescription& description,
                                            const StemKernel& kernel) {
  if (description.type() == DataType::kFloat32) {
    return std::make_unique<StemConv<FloatStage, float>>(description, kernel);
  }
  if (kernel.input_bytes == 1) {
    return std::make_unique<StemConv<Int8Stage, uint8_t>>(description, kernel);
  }
  return std::make_unique<StemConv<Int8Stage, int16_t>>(description, kernel);
}

}  // namespace tf_pconv
