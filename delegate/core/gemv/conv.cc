#include "delegate/core/gemv/conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/gemv/stream.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/phases.h"
#include "delegate/core/pointwise/pixels.h"
#include "delegate/core/thread_pool.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {
namespace {

// Pixels that read the weights of a group while these are in the first cache.
constexpr int kBlockPixels = 8;

int RoundUp(int count, int unit) { return (count + unit - 1) / unit * unit; }

// From the sums of int8 convolutions to outputs; rows are the stream's filters.
class Int8Finish {
 public:
  using Value = int8_t;
  using Sum = int32_t;

  Int8Finish(const ConvDescription& description, const GemvKernel& kernel,
             const GemvStream& stream)
      : kernel_(kernel), stage_(MakeInt8OutputStage(description)) {
    const PatternWeights& weights = *description.weights;
    // Sums wrap around.
    std::vector<uint32_t> biases(weights.filters, 0);
    if (description.int32_bias != nullptr) {
      std::copy_n(description.int32_bias, weights.filters, biases.begin());
    }
    const int zero = description.input.zero_point + kernel.input_offset;
    size_t value = 0;
    for (int group = 0; group < weights.groups(); ++group) {
      const int filters = weights.FiltersOfGroup(group);
      const int32_t* filter =
          weights.filter_order.data() + group * weights.group_size;
      for (uint32_t k = weights.group_begin[group];
           k < weights.group_begin[group + 1]; ++k) {
        for (int f = 0; f < filters; ++f, ++value) {
          biases[filter[f]] -=
              static_cast<uint32_t>(weights.int8_values[value] * zero);
        }
      }
    }
    const int rows =
        RoundUp(static_cast<int>(stream.filters().size()), kGemvRows);
    bias_.resize(rows);
    multipliers_.resize(rows);
    offsets_.resize(rows);
    for (size_t row = 0; row < stream.filters().size(); ++row) {
      const int filter = stream.filters()[row];
      if (filter < 0) continue;
      bias_[row] = static_cast<int32_t>(biases[filter]);
      multipliers_[row] = stage_.multipliers[filter];
      offsets_[row] = stage_.offsets[filter];
    }
  }

  // Writes the outputs of rows [begin, end), of which `begin` is a multiple of
  // kGemvRows, and room for as many sums follows.
  void Store(const std::vector<int>& filters, int begin, int end, Sum* sums,
             Value* output) const {
    const GemvFinishArgs args = {
        sums, bias_.data() + begin, multipliers_.data() + begin,
        offsets_.data() + begin, RoundUp(end - begin, kGemvRows)};
    kernel_.finish(&args);
    for (int row = begin; row < end; ++row) {
      if (filters[row] < 0) continue;
      // Halves may be any int32.
      const int32_t rounded =
          (std::clamp(sums[row - begin], -65536, 65536) + 1) >> 1;
      output[filters[row]] = static_cast<int8_t>(
          std::clamp(rounded + stage_.zero_point, stage_.min, stage_.max));
    }
  }

 private:
  const GemvKernel& kernel_;
  const Int8OutputStage stage_;
  std::vector<int32_t> bias_;
  std::vector<float> multipliers_;
  std::vector<float> offsets_;
};

// The same for float32.
class FloatFinish {
 public:
  using Value = float;
  using Sum = float;

  FloatFinish(const ConvDescription& description, const GemvKernel&,
              const GemvStream& stream)
      : range_(ActivationRange(description.activation)),
        bias_(stream.filters().size(), 0.0f) {
    if (description.float_bias == nullptr) return;
    for (size_t row = 0; row < bias_.size(); ++row) {
      const int filter = stream.filters()[row];
      if (filter >= 0) bias_[row] = description.float_bias[filter];
    }
  }

  void Store(const std::vector<int>& filters, int begin, int end,
             const Sum* sums, Value* output) const {
    for (int row = begin; row < end; ++row) {
      if (filters[row] < 0) continue;
      output[filters[row]] =
          std::clamp(sums[row - begin] + bias_[row], range_.min, range_.max);
    }
  }

 private:
  const FloatRange range_;
  std::vector<float> bias_;
};

template <typename Finish>
class GemvConv : public WindowConv {
 public:
  using Value = typename Finish::Value;
  using Sum = typename Finish::Sum;

  GemvConv(const ConvDescription& description, const GemvKernel& kernel)
      : WindowConv(description),
        kernel_(kernel),
        stream_(*description.weights, kernel),
        finish_(description, kernel, stream_) {}

  size_t WorkspaceBytes(int threads) const override {
    return ThreadBytes() * threads;
  }

  // Threads share the filters.
  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    Call call = {this,
                 static_cast<const Value*>(inputs[0]),
                 static_cast<Value*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 ticks,
                 int64_t{geometry().output.batch} * (rows.end - rows.begin) *
                     geometry().output.width};
    RunTask(pool, {Units()}, RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

 private:
  struct Call {
    const GemvConv* conv;
    const Value* input;
    Value* output;
    uint8_t* workspace;
    RowRange rows;
    PhaseTicks* ticks;
    int64_t pixels;
  };

  // Parts of a thread's workspace.
  size_t GatheredBytes() const {
    return AlignUp(size_t(stream_.most_steps()) * kernel_.lanes *
                       sizeof(Value) +
                   kGemvBlock);
  }
  int RowsOfUnit() const { return RoundUp(kGemvRows, kernel_.group_size); }
  size_t SumsBytes() const {
    return sizeof(Sum) * kBlockPixels * RoundUp(RowsOfUnit(), kGemvRows);
  }
  size_t ThreadBytes() const { return GatheredBytes() + AlignUp(SumsBytes()); }

  // Units are filter groups whose rows are whole multiples of kGemvRows.
  int64_t UnitGroups() const { return RowsOfUnit() / kernel_.group_size; }
  int64_t Units() const {
    const int64_t groups = stream_.groups().size();
    return (groups + UnitGroups() - 1) / UnitGroups();
  }

  static void RunShare(void* context, const ThreadPool::Share& share) {
    const Call& call = *static_cast<Call*>(context);
    PhaseClock clock(call.ticks);
    WorkRange units;
    while (share.Take(0, call.conv->Units(), &units)) {
      call.conv->RunUnits(
          call, units,
          call.workspace + call.conv->ThreadBytes() * share.thread(), &clock);
    }
  }

  void RunUnits(const Call& call, WorkRange units, uint8_t* gathered,
                PhaseClock* clock) const {
    const int64_t unit = UnitGroups();
    const int64_t end =
        std::min<int64_t>(units.end * unit, stream_.groups().size());
    for (int64_t pixel = 0; pixel < call.pixels; pixel += kBlockPixels) {
      const Value* inputs[kBlockPixels];
      Value* outputs[kBlockPixels];
      const int count = static_cast<int>(
          std::min<int64_t>(kBlockPixels, call.pixels - pixel));
      PixelCursor<Value> cursor(geometry(), call.rows, call.input, call.output,
                                pixel);
      for (int i = 0; i < count; ++i) {
        inputs[i] = cursor.input();
        outputs[i] = cursor.output();
        if (i + 1 < count) cursor.Next();
      }
      for (int64_t group = units.begin * unit; group < end; group += unit) {
        RunUnit(static_cast<int>(group),
                static_cast<int>(std::min(group + unit, end)), inputs, outputs,
                count, gathered, clock);
      }
    }
  }

  void RunUnit(int first, int last, const Value* const* inputs,
               Value* const* outputs, int count, uint8_t* gathered,
               PhaseClock* clock) const {
    Sum* sums = reinterpret_cast<Sum*>(gathered + GatheredBytes());
    const int size = kernel_.group_size;
    const int pitch = RoundUp(RowsOfUnit(), kGemvRows);
    for (int group = first; group < last; ++group) {
      const GemvStream::Group& part = stream_.groups()[group];
      for (int i = 0; i < count; ++i) {
        Gather(part, inputs[i], gathered);
        clock->End(Phase::kPack);
        kernel_.multiply(gathered, stream_.at(part.weights), part.steps,
                         sums + i * pitch + (group - first) * size);
        clock->End(Phase::kMultiply);
      }
    }
    for (int i = 0; i < count; ++i) {
      finish_.Store(stream_.filters(), first * size, last * size,
                    sums + i * pitch, outputs[i]);
    }
    clock->End(Phase::kStore);
  }

  void Gather(const GemvStream::Group& part, const Value* input,
              uint8_t* gathered) const {
    const uint8_t* places = stream_.at(part.places);
    if (kernel_.compress != nullptr) {
      kernel_.compress(reinterpret_cast<const uint8_t*>(input),
                       reinterpret_cast<const uint64_t*>(places),
                       (sizes().channels + kGemvBlock - 1) / kGemvBlock,
                       stream_.at(part.weights), gathered);
      return;
    }
    const auto* indices = reinterpret_cast<const uint16_t*>(places);
    auto* values = reinterpret_cast<Value*>(gathered);
    for (int i = 0; i < part.kept; ++i) values[i] = input[indices[i]];
    // Weights of zero do not make up for infinite inputs.
    std::fill(values + part.kept, values + part.steps * kernel_.lanes,
              Value{0});
  }

  const GemvKernel& kernel_;
  const GemvStream stream_;
  const Finish finish_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateGemvConv(const ConvDescription& description,
                                            const GemvKernel& kernel) {
  if (description.type() == DataType::kInt8) {
    return std::make_unique<GemvConv<Int8Finish>>(description, kernel);
  }
  return std::make_unique<GemvConv<FloatFinish>>(description, kernel);
}

}  // namespace tf_pconv
