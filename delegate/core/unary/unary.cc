#include "delegate/core/unary/unary.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "delegate/core/aligned_bytes.h"
#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/row_task.h"
#include "delegate/core/unary/kernel_table.h"

namespace tf_pconv {
namespace {

double Apply(const UnaryDescription& description, double x) {
  switch (description.function) {
    case UnaryFunction::kClamp: {
      const FloatRange range = ActivationRange(description.activation);
      return std::clamp<double>(x, range.min, range.max);
    }
    case UnaryFunction::kLeakyRelu:
      return x < 0 ? x * description.slope : x;
    case UnaryFunction::kHardSwish:
      return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    case UnaryFunction::kLogistic:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

// What differs between the types.
class Int8Function {
 public:
  using Value = int8_t;
  using Args = Int8UnaryArgs;

  Int8Function(const UnaryDescription& description, const UnaryKernel& kernel)
      : run_(kernel.look_up), table_(kTableBytes) {
    using Limits = std::numeric_limits<int8_t>;
    const Quantization& from = description.input;
    const Quantization& to = description.output;
    for (int value = Limits::min(); value <= Limits::max(); ++value) {
      const double x = (value - from.zero_point) * double(from.scale);
      const double y = Apply(description, x) / double(to.scale);
      const double result = std::round(y) + to.zero_point;
      const auto byte = static_cast<int8_t>(
          std::clamp<double>(result, Limits::min(), Limits::max()));
      table_.data()[static_cast<uint8_t>(value)] = static_cast<uint8_t>(byte);
    }
  }

  void Run(const int8_t* input, int8_t* output, size_t count) const {
    const Args args = {reinterpret_cast<const int8_t*>(table_.data()), input,
                       output, count};
    run_(&args);
  }

 private:
  static constexpr size_t kTableBytes = 256;

  void (*const run_)(const Args* args);
  AlignedBytes table_;
};

class FloatFunction {
 public:
  using Value = float;
  using Args = FloatUnaryArgs;

  FloatFunction(const UnaryDescription& description, const UnaryKernel& kernel)
      : run_(KernelOf(description.function, kernel)),
        range_(ActivationRange(description.activation)),
        slope_(description.slope) {}

  void Run(const float* input, float* output, size_t count) const {
    const Args args = {input, output, count, range_.min, range_.max, slope_};
    run_(&args);
  }

 private:
  using Kernel = void (*)(const Args* args);

  static Kernel KernelOf(UnaryFunction function, const UnaryKernel& kernel) {
    switch (function) {
      case UnaryFunction::kLeakyRelu:
        return kernel.leaky_relu;
      case UnaryFunction::kHardSwish:
        return kernel.hard_swish;
      case UnaryFunction::kLogistic:
        return kernel.logistic;
      case UnaryFunction::kClamp:
        break;
    }
    return kernel.clamp;
  }

  const Kernel run_;
  const FloatRange range_;
  const float slope_;
};

template <typename Function>
class Unary : public Operator {
 public:
  Unary(const UnaryDescription& description, const UnaryKernel& kernel)
      : kernel_(kernel), function_(description, kernel) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    shape_ = inputs[0];
    return Status();
  }

  ActivationShape output_shape() const override { return shape_; }

  size_t WorkspaceBytes(int) const override { return 0; }

  RowRange InputRows(int, RowRange rows) const override { return rows; }

  int row_unit() const override { return 1; }

  void RunRows(const void* const* inputs, void* output, RowRange rows, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override {
    const auto* from = static_cast<const Value*>(inputs[0]);
    auto* to = static_cast<Value*>(output);
    const size_t row = size_t(shape_.width) * shape_.channels;
    RunRowTask(pool, shape_, rows, Phase::kMultiply, ticks,
               [&](int image, int y) {
                 const size_t first = (size_t(image) * shape_.height + y) * row;
                 Compute(from + first, to + first, row);
               });
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Function::Value;

  void Compute(const Value* input, Value* output, size_t count) const {
    const size_t vector = kernel_.bytes / sizeof(Value);
    const size_t rest = count % vector;
    count -= rest;
    function_.Run(input, output, count);
    if (rest == 0) return;
    Value last[kMaxUnaryBytes / sizeof(Value)] = {};
    memcpy(last, input + count, rest * sizeof(Value));
    function_.Run(last, last, vector);
    memcpy(output + count, last, rest * sizeof(Value));
  }

  const UnaryKernel& kernel_;
  const Function function_;
  ActivationShape shape_;
};

}  // namespace

std::unique_ptr<Operator> CreateUnary(const UnaryDescription& description,
                                      Status* status) {
  *status = CheckQuantization("input", description.input);
  if (status->ok()) *status = CheckQuantization("output", description.output);
  if (status->ok() && !std::isfinite(description.slope)) {
    *status = Status::Error("the slope is %g; accepted are numbers",
                            double(description.slope));
  }
  if (!status->ok()) return nullptr;
  const UnaryKernel* kernel =
      FastestKernel(native::kUnaryKernels, CpuFeatures());
  if (kernel == nullptr) {
    *status = Status::Error("this processor has no kernel for it");
    return nullptr;
  }
  return CreateUnary(description, *kernel);
}

std::unique_ptr<Operator> CreateUnary(const UnaryDescription& description,
                                      const UnaryKernel& kernel) {
  if (description.type == DataType::kInt8) {
    return std::make_unique<Unary<Int8Function>>(description, kernel);
  }
  return std::make_unique<Unary<FloatFunction>>(description, kernel);
}

}  // namespace tf_pconv
