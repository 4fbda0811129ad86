#include "delegate/core/add/add.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "delegate/core/add/kernel_table.h"
#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

// What a thread takes at once.
constexpr size_t kItemBytes = 8192;

// A unit of the input in units of the output.
double RatioOf(const AddDescription::Quantization& input,
               const AddDescription::Quantization& output) {
  return double(input.scale) / double(output.scale);
}

// Far above any ratio that makes sense, and far below what int32 holds.
constexpr double kLargestRatio = 512.0;

// What differs between the types: the arguments of the kernel.
class Int8Sum {
 public:
  using Value = int8_t;
  using Args = Int8AddArgs;

  explicit Int8Sum(const AddDescription& description) {
    const AddDescription::Quantization& output = description.output;
    // Half an output: what is cut off is rounded, halves up.
    double offset = 0.5 + output.zero_point;
    for (int i = 0; i < 2; ++i) {
      const AddDescription::Quantization& input = description.inputs[i];
      const double ratio = RatioOf(input, output);
      offset -= ratio * input.zero_point;
      // The kernel multiplies bytes that are the highest of 32 bits.
      args_.multipliers[i] = static_cast<float>(std::ldexp(ratio, -24));
    }
    args_.offset = static_cast<float>(offset);
    const Int8Range range =
        QuantizedRange(description.activation, output.scale, output.zero_point);
    args_.min = range.min;
    args_.max = range.max;
  }

  const Args& args() const { return args_; }
  static void Run(const AddKernel& kernel, const Args& args) {
    kernel.add_int8(&args);
  }

 private:
  Args args_ = {};
};

class FloatSum {
 public:
  using Value = float;
  using Args = FloatAddArgs;

  explicit FloatSum(const AddDescription& description) {
    const FloatRange range = ActivationRange(description.activation);
    args_.min = range.min;
    args_.max = range.max;
  }

  const Args& args() const { return args_; }
  static void Run(const AddKernel& kernel, const Args& args) {
    kernel.add_float32(&args);
  }

 private:
  Args args_ = {};
};

template <typename Sum>
class Add : public Operator {
 public:
  Add(const AddDescription& description, const AddKernel& kernel)
      : kernel_(kernel), sum_(description) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    if (!(inputs[0] == inputs[1])) {
      return Status::Error("its inputs differ in shape");
    }
    shape_ = inputs[0];
    return Status();
  }

  ActivationShape output_shape() const override { return shape_; }

  size_t WorkspaceBytes(int) const override { return 0; }

  RowRange InputRows(int, RowRange rows) const override { return rows; }

  int row_unit() const override { return 1; }

  void RunRows(const void* const* inputs, void* output, RowRange rows, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override {
    const size_t row = size_t(shape_.width) * shape_.channels;
    Call call = {this,
                 {static_cast<const Value*>(inputs[0]),
                  static_cast<const Value*>(inputs[1])},
                 static_cast<Value*>(output),
                 row * shape_.height,
                 row * rows.begin,
                 row * (rows.end - rows.begin),
                 ticks};
    RunTask(pool, {shape_.batch * call.items()}, RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Sum::Value;
  using Args = typename Sum::Args;

  static constexpr size_t kItem = kItemBytes / sizeof(Value);

  // Some values of each image.
  struct Call {
    int64_t items() const { return (count + kItem - 1) / kItem; }

    const Add* add;
    const Value* inputs[2];
    Value* output;
    size_t image;  // from one to the next
    size_t first;
    size_t count;
    PhaseTicks* ticks;
  };

  static void RunShare(void* context, const ThreadPool::Share& share) {
    const Call& call = *static_cast<Call*>(context);
    const int64_t items = call.items();
    PhaseClock clock(call.ticks);
    WorkRange taken;
    while (share.Take(0, items, &taken)) {
      while (taken.begin < taken.end) {
        const int64_t image = taken.begin / items;
        const int64_t end = std::min(taken.end, (image + 1) * items);
        call.add->Compute(call, image, (taken.begin - image * items) * kItem,
                          std::min((end - image * items) * kItem, call.count));
        taken.begin = end;
      }
    }
    clock.End(Phase::kMultiply);
  }

  // The values [begin, end) of those that are wanted of an image.
  void Compute(const Call& call, int64_t image, size_t begin,
               size_t end) const {
    const size_t vector = kernel_.bytes / sizeof(Value);
    const size_t first = call.image * image + call.first + begin;
    const size_t rest = (end - begin) % vector;
    Args args = sum_.args();
    args.count = end - begin - rest;
    args.inputs[0] = call.inputs[0] + first;
    args.inputs[1] = call.inputs[1] + first;
    args.output = call.output + first;
    Sum::Run(kernel_, args);
    if (rest == 0) return;
    Value inputs[2][kMaxAddBytes / sizeof(Value)] = {};
    Value output[kMaxAddBytes / sizeof(Value)];
    for (int i = 0; i < 2; ++i) {
      memcpy(inputs[i], args.inputs[i] + args.count, rest * sizeof(Value));
      args.inputs[i] = inputs[i];
    }
    Value* last = args.output + args.count;
    args.output = output;
    args.count = vector;
    Sum::Run(kernel_, args);
    memcpy(last, output, rest * sizeof(Value));
  }

  const AddKernel& kernel_;
  const Sum sum_;
  ActivationShape shape_;
};

Status Check(const char* role, const AddDescription::Quantization& given) {
  if (!std::isfinite(given.scale) || given.scale <= 0) {
    return Status::Error("the scale of %s is %g; accepted are positive numbers",
                         role, double(given.scale));
  }
  if (given.zero_point < -128 || given.zero_point > 127) {
    return Status::Error("the zero point of %s is %d; accepted is -128 to 127",
                         role, given.zero_point);
  }
  return Status();
}

}  // namespace

std::unique_ptr<Operator> CreateAdd(const AddDescription& description,
                                    Status* status) {
  *status = Check("the first input", description.inputs[0]);
  if (status->ok()) *status = Check("the second input", description.inputs[1]);
  if (status->ok()) *status = Check("the output", description.output);
  for (const AddDescription::Quantization& input : description.inputs) {
    const double ratio = RatioOf(input, description.output);
    if (status->ok() && ratio > kLargestRatio) {
      *status = Status::Error(
          "the scale of an input is %g times that of the output; accepted is "
          "up to %g",
          ratio, kLargestRatio);
    }
  }
  if (!status->ok()) return nullptr;
  const AddKernel* kernel = FastestKernel(native::kAddKernels, CpuFeatures());
  if (kernel == nullptr) {
    *status = Status::Error("this processor has no kernel for it");
    return nullptr;
  }
  return CreateAdd(description, *kernel);
}

std::unique_ptr<Operator> CreateAdd(const AddDescription& description,
                                    const AddKernel& kernel) {
  if (description.type == DataType::kInt8) {
    return std::make_unique<Add<Int8Sum>>(description, kernel);
  }
  return std::make_unique<Add<FloatSum>>(description, kernel);
}

}  // namespace tf_pconv
