#include "delegate/core/reference.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/phases.h"
#include "delegate/core/row_task.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {
namespace {

// What differs between the types: the sum, and how it becomes an output.
struct FloatMath {
  using Value = float;

  explicit FloatMath(const ConvDescription& description)
      : range(ActivationRange(description.activation)) {
    if (description.float_bias != nullptr) {
      bias.assign(description.float_bias,
                  description.float_bias + description.filters());
    }
  }

  template <typename Weights>
  const std::vector<float>& Values(const Weights& weights) const {
    return weights.float_values;
  }
  float Bias(int filter) const { return bias.empty() ? 0.0f : bias[filter]; }
  float Product(float weight, float input) const { return weight * input; }
  float Output(int, float sum) const {
    return std::min(std::max(sum, range.min), range.max);
  }

  FloatRange range;
  std::vector<float> bias;
};

struct Int8Math {
  using Value = int8_t;

  explicit Int8Math(const ConvDescription& description)
      : input_zero_point(description.input.zero_point),
        stage(MakeInt8OutputStage(description)) {
    if (description.int32_bias != nullptr) {
      bias.assign(description.int32_bias,
                  description.int32_bias + description.filters());
    }
  }

  template <typename Weights>
  const std::vector<int8_t>& Values(const Weights& weights) const {
    return weights.int8_values;
  }
  // Sums wrap around like those of vector instructions; sums of real layers
  // stay far below the limit.
  uint32_t Bias(int filter) const { return bias.empty() ? 0 : bias[filter]; }
  uint32_t Product(int8_t weight, int8_t input) const {
    return static_cast<uint32_t>(weight * (input - input_zero_point));
  }
  int8_t Output(int filter, uint32_t sum) const {
    int32_t value;
    std::memcpy(&value, &sum, sizeof(value));
    return Requantize(stage, filter, value);
  }

  int input_zero_point;
  Int8OutputStage stage;
  std::vector<int32_t> bias;
};

// What differs between the kinds of weights: which inputs a sum has. `window`
// holds the pixels of each tap; null in the padding.
template <typename Math>
class PatternSums {
 public:
  using Value = typename Math::Value;

  explicit PatternSums(const ConvDescription& description)
      : weights_(*description.weights) {
    const int taps = weights_.kernel_side * weights_.kernel_side;
    for (uint16_t pattern : weights_.patterns) {
      for (int tap = 0; tap < taps; ++tap) {
        if (pattern >> tap & 1) taps_.push_back(tap);
      }
    }
  }

  void ComputePixel(const Math& math, const Value* const* window,
                    Value* output) const {
    const int entries = weights_.entries();
    const Value* values = math.Values(weights_).data();
    for (int group = 0; group < weights_.groups(); ++group) {
      const int filters = weights_.FiltersOfGroup(group);
      const uint32_t begin = weights_.group_begin[group];
      const uint32_t kernels = weights_.group_begin[group + 1] - begin;
      for (int i = 0; i < filters; ++i) {
        const int filter =
            weights_.filter_order[group * weights_.group_size + i];
        auto sum = math.Bias(filter);
        for (uint32_t k = 0; k < kernels; ++k) {
          const GroupKernel& kernel = weights_.kernels[begin + k];
          const int* taps = &taps_[kernel.pattern * entries];
          const Value* kept = values + (size_t{k} * filters + i) * entries;
          for (int entry = 0; entry < entries; ++entry) {
            const Value* pixel = window[taps[entry]];
            if (pixel != nullptr) {
              sum += math.Product(kept[entry], pixel[kernel.channel]);
            }
          }
        }
        output[filter] = math.Output(filter, sum);
      }
      values += size_t{kernels} * filters * entries;
    }
  }

 private:
  PatternWeights weights_;
  std::vector<int> taps_;  // entries() of each pattern, lowest first
};

template <typename Math>
class DepthwiseSums {
 public:
  using Value = typename Math::Value;

  explicit DepthwiseSums(const ConvDescription& description)
      : weights_(*description.depthwise) {}

  void ComputePixel(const Math& math, const Value* const* window,
                    Value* output) const {
    const Value* values = math.Values(weights_).data();
    for (int channel = 0; channel < weights_.channels; ++channel) {
      auto sum = math.Bias(channel);
      for (int tap = 0; tap < weights_.taps(); ++tap) {
        if (window[tap] == nullptr) continue;
        sum += math.Product(values[tap * weights_.channels + channel],
                            window[tap][channel]);
      }
      output[channel] = math.Output(channel, sum);
    }
  }

 private:
  DepthwiseWeights weights_;
};

template <typename Math>
class StemSums {
 public:
  using Value = typename Math::Value;

  explicit StemSums(const ConvDescription& description)
      : weights_(*description.stem) {}

  void ComputePixel(const Math& math, const Value* const* window,
                    Value* output) const {
    const Value* values = math.Values(weights_).data();
    const int taps = weights_.kernel_height * weights_.kernel_width;
    for (int filter = 0; filter < weights_.filters; ++filter) {
      auto sum = math.Bias(filter);
      for (int tap = 0; tap < taps; ++tap) {
        for (int channel = 0; channel < weights_.channels; ++channel) {
          const Value weight = *values++;
          if (window[tap] == nullptr) continue;
          sum += math.Product(weight, window[tap][channel]);
        }
      }
      output[filter] = math.Output(filter, sum);
    }
  }

 private:
  StemWeights weights_;
};

template <typename Math, typename Sums>
class ReferenceConv : public WindowConv {
 public:
  explicit ReferenceConv(const ConvDescription& description)
      : WindowConv(description), math_(description), sums_(description) {}

  size_t WorkspaceBytes(int) const override { return 0; }

  void RunRows(const void* const* inputs, void* output, RowRange rows, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override {
    RunRowTask(pool, output_shape(), rows, Phase::kMultiply, ticks,
               [&](int image, int y) {
                 ComputeRow(static_cast<const Value*>(inputs[0]),
                            static_cast<Value*>(output), image, y);
               });
  }

  const char* kernel_name() const override { return kReferenceKernelName; }

 private:
  using Value = typename Math::Value;

  void ComputeRow(const Value* input, Value* output, int image, int y) const {
    const ActivationShape& shape = geometry().output;
    const ptrdiff_t first = (ptrdiff_t{image} * shape.height + y) * shape.width;
    for (int x = 0; x < shape.width; ++x) {
      ComputePixel(input, image, y, x, output + (first + x) * shape.channels);
    }
  }

  void ComputePixel(const Value* input, int image, int y, int x,
                    Value* output) const {
    const int columns = sizes().kernel_width;
    const Value* window[kStemMostSide * kStemMostSide];
    const ActivationShape& shape = geometry().input;
    for (int tap = 0; tap < sizes().kernel_height * columns; ++tap) {
      const int row =
          y * geometry().stride_height - geometry().pad_top + tap / columns;
      const int column =
          x * geometry().stride_width - geometry().pad_left + tap % columns;
      const bool inside =
          row >= 0 && row < shape.height && column >= 0 && column < shape.width;
      const ptrdiff_t pixel =
          (ptrdiff_t{image} * shape.height + row) * shape.width + column;
      window[tap] = inside ? input + pixel * shape.channels : nullptr;
    }
    sums_.ComputePixel(math_, window, output);
  }

  const Math math_;
  const Sums sums_;
};

template <typename Math>
std::unique_ptr<PatternConv> CreateOfType(const ConvDescription& description) {
  if (description.depthwise != nullptr) {
    return std::make_unique<ReferenceConv<Math, DepthwiseSums<Math>>>(
        description);
  }
  if (description.stem != nullptr) {
    return std::make_unique<ReferenceConv<Math, StemSums<Math>>>(description);
  }
  return std::make_unique<ReferenceConv<Math, PatternSums<Math>>>(description);
}

}  // namespace

std::unique_ptr<PatternConv> CreateReferenceConv(
    const ConvDescription& description) {
  return description.type() == DataType::kInt8
             ? CreateOfType<Int8Math>(description)
             : CreateOfType<FloatMath>(description);
}

}  // namespace tf_pconv
