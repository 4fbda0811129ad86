#include "delegate/core/elementwise/elementwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/cpu.h"
#include "delegate/core/elementwise/kernel_table.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

// What a kernel computes at once.
constexpr size_t kItemBytes = 8192;

// A unit of the operand in units of the sum.
double SumRatio(const ElementwiseDescription& description, int operand) {
  return double(description.operands[operand].scale) /
         double(description.output.scale);
}

// The product of two units in units of the product.
double ProductRatio(const ElementwiseDescription& description) {
  return double(description.operands[0].scale) *
         double(description.operands[1].scale) /
         double(description.output.scale);
}

// What differs between functions and types: the arguments of the kernel.

template <typename KernelArgs>
KernelArgs Int8ArgsOf(const ElementwiseDescription& description) {
  KernelArgs args = {};
  const Int8Range range =
      QuantizedRange(description.activation, description.output);
  args.min = range.min;
  args.max = range.max;
  return args;
}

// Of an output: what is cut off is then rounded, halves up.
constexpr double kHalf = 0.5;

struct Int8Sum {
  using Value = int8_t;
  using Args = Int8SumArgs;

  static Args ArgsOf(const ElementwiseDescription& description) {
    Args args = Int8ArgsOf<Args>(description);
    double offset = kHalf + description.output.zero_point;
    for (int i = 0; i < 2; ++i) {
      const double ratio = SumRatio(description, i);
      offset -= ratio * description.operands[i].zero_point;
      args.multipliers[i] = static_cast<float>(std::ldexp(ratio, -24));
    }
    args.offset = static_cast<float>(offset);
    return args;
  }
  static void Run(const ElementwiseKernel& kernel, const Args& args) {
    kernel.add_int8(&args);
  }
};

struct Int8Product {
  using Value = int8_t;
  using Args = Int8ProductArgs;

  static Args ArgsOf(const ElementwiseDescription& description) {
    Args args = Int8ArgsOf<Args>(description);
    for (int i = 0; i < 2; ++i) {
      args.zeros[i] = static_cast<float>(
          std::ldexp(description.operands[i].zero_point, 24));
    }
    args.multiplier =
        static_cast<float>(std::ldexp(ProductRatio(description), -48));
    args.offset = static_cast<float>(kHalf + description.output.zero_point);
    return args;
  }
  static void Run(const ElementwiseKernel& kernel, const Args& args) {
    kernel.multiply_int8(&args);
  }
};

struct FloatFunction {
  using Value = float;
  using Args = FloatElementwiseArgs;

  static Args ArgsOf(const ElementwiseDescription& description) {
    Args args = {};
    const FloatRange range = ActivationRange(description.activation);
    args.min = range.min;
    args.max = range.max;
    return args;
  }
};

struct FloatSum : FloatFunction {
  static void Run(const ElementwiseKernel& kernel, const Args& args) {
    kernel.add_float32(&args);
  }
};

struct FloatProduct : FloatFunction {
  static void Run(const ElementwiseKernel& kernel, const Args& args) {
    kernel.multiply_float32(&args);
  }
};

// `count` values: the first `period` of them, again and again.
template <typename Value>
void Repeat(const Value* values, size_t period, size_t count, Value* to) {
  size_t filled = std::min(period, count);
  std::copy_n(values, filled, to);
  while (filled < count) {
    const size_t more = std::min(filled, count - filled);
    std::copy_n(to, more, to + filled);
    filled += more;
  }
}

// Kernels know operands of one size only. Values of channels are repeated for
// as many pixels as a kernel computes at once, and read from the channel on
// that comes first.
template <typename Function>
class Elementwise : public Operator {
 public:
  Elementwise(const ElementwiseDescription& description,
              const ElementwiseKernel& kernel)
      : kernel_(kernel), args_(Function::ArgsOf(description)) {
    const ElementwiseDescription::Constant& constant = description.constant;
    if (constant.values == nullptr) return;
    repeated_ = constant.operand;
    period_ = constant.count;
    constant_.resize(kItem + period_);
    Repeat(static_cast<const Value*>(constant.values), period_,
           constant_.size(), constant_.data());
  }

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    if (HasConstant()) {
      shape_ = inputs[0];
      if (period_ == 1 || period_ == size_t(shape_.channels)) return Status();
      return Status::Error("an input of %d channels and a constant of %zu",
                           shape_.channels, period_);
    }
    repeated_ = kNone;
    shape_ = inputs[0];
    if (inputs[0] == inputs[1]) return Status();
    for (int i = 0; i < 2; ++i) {
      if (!AreValuesOf(inputs[i], inputs[1 - i])) continue;
      repeated_ = i;
      period_ = inputs[i].channels;
      shape_ = inputs[1 - i];
      is_for_all_images_ = inputs[i].batch == 1;
      return Status();
    }
    return Status::Error(
        "inputs of %dx%dx%dx%d and %dx%dx%dx%d; accepted are two of one shape, "
        "or one of 1x1 pixels and as many channels",
        inputs[0].batch, inputs[0].height, inputs[0].width, inputs[0].channels,
        inputs[1].batch, inputs[1].height, inputs[1].width, inputs[1].channels);
  }

  ActivationShape output_shape() const override { return shape_; }

  size_t WorkspaceBytes(int threads) const override {
    return RepeatsInput() ? threads * BufferBytes() : 0;
  }

  RowRange InputRows(int input, RowRange rows) const override {
    return RepeatsInput() && input == repeated_ ? RowRange{0, 1} : rows;
  }

  int row_unit() const override { return 1; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const size_t row = size_t(shape_.width) * shape_.channels;
    Call call = {this,
                 {},
                 static_cast<Value*>(output),
                 static_cast<uint8_t*>(workspace),
                 row * shape_.height,
                 row * rows.begin,
                 row * (rows.end - rows.begin),
                 ticks};
    for (int i = 0; i < 2; ++i) {
      if (HasConstant() && i == repeated_) continue;
      call.operands[i] = static_cast<const Value*>(*inputs++);
    }
    RunTask(pool, {shape_.batch * call.items()}, RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  using Value = typename Function::Value;
  using Args = typename Function::Args;

  static constexpr size_t kItem = kItemBytes / sizeof(Value);
  static constexpr int kNone = -1;

  // Some values of each image.
  struct Call {
    int64_t items() const { return (count + kItem - 1) / kItem; }

    const Elementwise* op;
    const Value* operands[2];  // null where constant
    Value* output;
    uint8_t* workspace;
    size_t image;  // from one to the next
    size_t first;
    size_t count;
    PhaseTicks* ticks;
  };

  static bool AreValuesOf(const ActivationShape& values,
                          const ActivationShape& image) {
    return values.height == 1 && values.width == 1 &&
           values.channels == image.channels &&
           (values.batch == 1 || values.batch == image.batch);
  }

  bool HasConstant() const { return !constant_.empty(); }
  bool RepeatsInput() const { return repeated_ != kNone && !HasConstant(); }

  // Of a thread's repeated values.
  size_t BufferBytes() const {
    return AlignUp((kItem + period_) * sizeof(Value));
  }

  static void RunShare(void* context, const ThreadPool::Share& share) {
    const Call& call = *static_cast<Call*>(context);
    const int64_t items = call.items();
    PhaseClock clock(call.ticks);
    const Value* repeated = call.op->constant_.data();
    int64_t repeated_for = -1;  // this image
    WorkRange taken;
    while (share.Take(0, items, &taken)) {
      for (int64_t item = taken.begin; item < taken.end; ++item) {
        const int64_t image = item / items;
        if (call.op->RepeatsInput() && image != repeated_for) {
          repeated = call.op->RepeatFor(call, image, share.thread());
          repeated_for = image;
        }
        call.op->ComputeItem(call, image, item % items, repeated);
      }
    }
    clock.End(Phase::kMultiply);
  }

  // Fills the thread's buffer with the values of an image.
  const Value* RepeatFor(const Call& call, int64_t image, int thread) const {
    auto* buffer =
        reinterpret_cast<Value*>(call.workspace + thread * BufferBytes());
    const Value* values = call.operands[repeated_];
    if (!is_for_all_images_) values += image * period_;
    Repeat(values, period_, std::min(kItem, call.count) + period_, buffer);
    return buffer;
  }

  void ComputeItem(const Call& call, int64_t image, int64_t item,
                   const Value* repeated) const {
    const size_t begin = call.first + item * kItem;  // in the image
    const size_t count = std::min(kItem, call.count - item * kItem);
    const size_t place = call.image * image + begin;
    Args args = args_;
    for (int i = 0; i < 2; ++i) {
      args.inputs[i] = i == repeated_ ? repeated + begin % period_
                                      : call.operands[i] + place;
    }
    args.output = call.output + place;
    Compute(args, count);
  }

  // Any number of values; `args` without their count.
  void Compute(Args args, size_t count) const {
    const size_t vector = kernel_.bytes / sizeof(Value);
    const size_t rest = count % vector;
    args.count = count - rest;
    Function::Run(kernel_, args);
    if (rest == 0) return;
    Value inputs[2][kMaxElementwiseBytes / sizeof(Value)] = {};
    Value output[kMaxElementwiseBytes / sizeof(Value)];
    for (int i = 0; i < 2; ++i) {
      memcpy(inputs[i], args.inputs[i] + args.count, rest * sizeof(Value));
      args.inputs[i] = inputs[i];
    }
    Value* last = args.output + args.count;
    args.output = output;
    args.count = vector;
    Function::Run(kernel_, args);
    memcpy(last, output, rest * sizeof(Value));
  }

  const ElementwiseKernel& kernel_;
  const Args args_;              // what all calls have in common
  std::vector<Value> constant_;  // repeated; empty where no operand is constant

  ActivationShape shape_;
  int repeated_ = kNone;  // the operand
  size_t period_ = 1;     // its values
  bool is_for_all_images_ = false;
};

Status Check(const ElementwiseDescription& description) {
  Status status = CheckQuantization("first operand", description.operands[0]);
  if (status.ok()) {
    status = CheckQuantization("second operand", description.operands[1]);
  }
  if (status.ok()) status = CheckQuantization("output", description.output);
  if (!status.ok()) return status;
  if (description.function == ElementwiseFunction::kProduct) {
    return CheckScaleRatio("the product of the operands' scales",
                           ProductRatio(description));
  }
  for (int i = 0; i < 2 && status.ok(); ++i) {
    status =
        CheckScaleRatio("the scale of an operand", SumRatio(description, i));
  }
  return status;
}

template <typename Sum, typename Product>
std::unique_ptr<Operator> Create(const ElementwiseDescription& description,
                                 const ElementwiseKernel& kernel) {
  if (description.function == ElementwiseFunction::kSum) {
    return std::make_unique<Elementwise<Sum>>(description, kernel);
  }
  return std::make_unique<Elementwise<Product>>(description, kernel);
}

}  // namespace

std::unique_ptr<Operator> CreateElementwise(
    const ElementwiseDescription& description, Status* status) {
  *status = Check(description);
  if (!status->ok()) return nullptr;
  const ElementwiseKernel* kernel =
      FastestKernel(native::kElementwiseKernels, CpuFeatures());
  if (kernel == nullptr) {
    *status = Status::Error("this processor has no kernel for it");
    return nullptr;
  }
  return CreateElementwise(description, *kernel);
}

std::unique_ptr<Operator> CreateElementwise(
    const ElementwiseDescription& description,
    const ElementwiseKernel& kernel) {
  return description.type == DataType::kInt8
             ? Create<Int8Sum, Int8Product>(description, kernel)
             : Create<FloatSum, FloatProduct>(description, kernel);
}

}  // namespace tf_pconv
