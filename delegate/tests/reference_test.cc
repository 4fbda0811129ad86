// The reference kernel against dense convolutions written out from TFLite's
// definition.

#include "delegate/core/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "delegate/core/thread_pool.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"
#include "delegate/testing/to_dense.h"

namespace tf_pconv {
namespace {

// Sum of one output: `at(y, x, channel)` is the input, 0 in the padding.
template <typename Value, typename Input>
double DenseSum(const PatternWeights& weights, const std::vector<Value>& dense,
                int filter, int top, int left, const Input& at) {
  double sum = 0;
  for (int tap = 0; tap < 9; ++tap) {
    for (int channel = 0; channel < weights.channels; ++channel) {
      sum +=
          double(
              dense[(size_t(filter) * 9 + tap) * weights.channels + channel]) *
          at(top + tap / 3, left + tap % 3, channel);
    }
  }
  return sum;
}

struct Setting {
  int stride;
  Padding padding;
  int height;
  int width;
  // By TFLite's rules, worked out by hand.
  int output_height;
  int output_width;
  int pad_top;
  int pad_left;
};

constexpr Setting kSettings[] = {
    {1, Padding::kSame, 5, 7, 5, 7, 1, 1},
    {1, Padding::kValid, 5, 7, 3, 5, 0, 0},
    {2, Padding::kSame, 5, 8, 3, 4, 1, 0},
    {2, Padding::kSame, 6, 1, 3, 1, 0, 1},
    {2, Padding::kValid, 5, 8, 2, 3, 0, 0},
};

// Those of 5x5 windows.
constexpr Setting kWideSettings[] = {
    {1, Padding::kSame, 5, 7, 5, 7, 2, 2},
    {1, Padding::kValid, 5, 7, 1, 3, 0, 0},
    {2, Padding::kSame, 5, 8, 3, 4, 2, 1},
    {2, Padding::kSame, 6, 1, 3, 1, 1, 2},
    {2, Padding::kValid, 5, 8, 1, 2, 0, 0},
};

RandomConvOptions Options(DataType type, const Setting& setting) {
  RandomConvOptions options;
  options.type = type;
  options.filters = 7;
  options.channels = 10;
  options.group_size = 3;
  options.compression = 4;
  options.stride_height = options.stride_width = setting.stride;
  options.padding = setting.padding;
  options.unbalanced = true;
  return options;
}

// Calls `check(image, y, x, filter, index of the output)` for every output.
template <typename Check>
void ForEachOutput(const ActivationShape& shape, const Check& check) {
  size_t index = 0;
  for (int image = 0; image < shape.batch; ++image) {
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        for (int filter = 0; filter < shape.channels; ++filter) {
          check(image, y, x, filter, index++);
        }
      }
    }
  }
}

TEST(ReferenceTest, Float32EqualsDense) {
  for (const Setting& setting : kSettings) {
    const RandomConvOptions options = Options(DataType::kFloat32, setting);
    RandomConv random(options);
    const PatternWeights& weights = random.weights();
    const auto dense = ToDense(weights, weights.float_values);
    const ActivationShape input = {2, setting.height, setting.width,
                                   options.channels};
    const std::vector<float> values =
        RandomFloat(2 * setting.height * setting.width * options.channels, 3);

    for (Activation activation : {Activation::kNone, Activation::kRelu,
                                  Activation::kReluN1To1, Activation::kRelu6}) {
      ConvDescription description = random.description();
      description.activation = activation;
      const auto conv = CreateReferenceConv(description);
      ASSERT_TRUE(conv->Resize({input}).ok());
      const ActivationShape shape = conv->output_shape();
      ASSERT_EQ(shape.height, setting.output_height);
      ASSERT_EQ(shape.width, setting.output_width);
      std::vector<float> output(2 * shape.height * shape.width *
                                options.filters);
      conv->Run(values.data(), output.data(), nullptr, nullptr);

      ForEachOutput(shape, [&](int image, int y, int x, int filter,
                               size_t index) {
        const auto at = [&](int row, int column, int channel) {
          if (row < 0 || row >= input.height || column < 0 ||
              column >= input.width) {
            return 0.0f;
          }
          return values[((image * input.height + row) * input.width + column) *
                            input.channels +
                        channel];
        };
        double expected = DenseSum(weights, dense, filter,
                                   y * setting.stride - setting.pad_top,
                                   x * setting.stride - setting.pad_left, at) +
                          description.float_bias[filter];
        if (activation == Activation::kReluN1To1) {
          expected = std::clamp(expected, -1.0, 1.0);
        } else if (activation != Activation::kNone) {
          expected = std::max(expected, 0.0);
          if (activation == Activation::kRelu6) {
            expected = std::min(expected, 6.0);
          }
        }
        ASSERT_NEAR(output[index], expected, 1e-4) << "output " << index;
      });
    }
  }
}

TEST(ReferenceTest, Int8EqualsDense) {
  for (const Setting& setting : kSettings) {
    const RandomConvOptions options = Options(DataType::kInt8, setting);
    RandomConv random(options);
    const PatternWeights& weights = random.weights();
    const auto dense = ToDense(weights, weights.int8_values);
    const ConvDescription& description = random.description();
    const auto conv = CreateReferenceConv(description);
    const ActivationShape input = {1, setting.height, setting.width,
                                   options.channels};
    ASSERT_TRUE(conv->Resize({input}).ok());
    const ActivationShape shape = conv->output_shape();
    const std::vector<int8_t> values =
        RandomInt8(setting.height * setting.width * options.channels, 3);
    std::vector<int8_t> output(shape.height * shape.width * options.filters);
    conv->Run(values.data(), output.data(), nullptr, nullptr);

    int differences = 0;
    ForEachOutput(shape, [&](int, int y, int x, int filter, size_t index) {
      const auto at = [&](int row, int column, int channel) {
        if (row < 0 || row >= input.height || column < 0 ||
            column >= input.width) {
          return 0;  // the zero point, in TFLite's definition
        }
        return values[(row * input.width + column) * input.channels + channel] -
               description.input.zero_point;
      };
      const double sum =
          DenseSum(weights, dense, filter, y * setting.stride - setting.pad_top,
                   x * setting.stride - setting.pad_left, at) +
          description.int32_bias[filter];
      const double real =
          sum * description.input.scale * weights.scales[filter];
      const double expected =
          std::clamp(std::round(real / description.output.scale) +
                         description.output.zero_point,
                     -128.0, 127.0);
      ASSERT_NEAR(output[index], expected, 1) << "output " << index;
      differences += output[index] != expected;
    });
    // Only where a sum falls almost in the middle of two outputs.
    EXPECT_LE(differences, 1 + static_cast<int>(output.size()) / 500);
  }
}

// Calls visit(tap, pixel) for the taps of a window that lie in the image.
template <typename Visit>
void ForEachTap(const ActivationShape& shape, int side, int top, int left,
                Visit visit) {
  for (int tap = 0; tap < side * side; ++tap) {
    const int row = top + tap / side;
    const int column = left + tap % side;
    if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) {
      continue;
    }
    visit(tap, row * shape.width + column);
  }
}

// The sum of an output of a depthwise convolution, from TFLite's definition.
template <typename Value>
double DepthwiseSum(const std::vector<Value>& weights,
                    const std::vector<Value>& input,
                    const ActivationShape& shape, double zero_point, int side,
                    int top, int left, int channel) {
  double sum = 0;
  ForEachTap(shape, side, top, left, [&](int tap, int pixel) {
    sum += double(weights[tap * shape.channels + channel]) *
           (input[pixel * shape.channels + channel] - zero_point);
  });
  return sum;
}

// The same of a stem.
template <typename Value>
double StemSum(const std::vector<Value>& weights,
               const std::vector<Value>& input, const ActivationShape& shape,
               double zero_point, int side, int top, int left, int filter) {
  double sum = 0;
  ForEachTap(shape, side, top, left, [&](int tap, int pixel) {
    const int weight = filter * side * side + tap;
    for (int channel = 0; channel < shape.channels; ++channel) {
      sum += double(weights[weight * shape.channels + channel]) *
             (input[pixel * shape.channels + channel] - zero_point);
    }
  });
  return sum;
}

// Outputs of sums of products.
double FloatOutput(const ConvDescription& description, int filter, double sum) {
  return sum + description.float_bias[filter];
}
double Int8Output(const ConvDescription& description, int filter, double sum) {
  const double real = (sum + description.int32_bias[filter]) *
                      description.input.scale * description.scales()[filter];
  return std::clamp(
      real / description.output.scale + description.output.zero_point, -128.0,
      127.0);
}

// Checks convolutions of five channels: `sum` makes the sums of products,
// `expected` the outputs of these.
template <typename Value>
void CheckSums(RandomConvOptions options,
               std::vector<Value> ConvWeights::* weights,
               std::vector<Value> (*random_values)(size_t, uint32_t),
               double tolerance,
               double (*sum)(const std::vector<Value>&,
                             const std::vector<Value>&, const ActivationShape&,
                             double, int, int, int, int),
               double (*expected)(const ConvDescription&, int, double)) {
  const auto& settings = options.kernel_side == 3 ? kSettings : kWideSettings;
  for (const Setting& setting : settings) {
    options.channels = 5;
    options.stride_height = options.stride_width = setting.stride;
    options.padding = setting.padding;
    const RandomConv random(options);
    const ConvDescription& description = random.description();
    const ActivationShape input = {1, setting.height, setting.width, 5};
    const auto conv = CreateReferenceConv(description);
    ASSERT_TRUE(conv->Resize({input}).ok());
    const auto values = random_values(5 * setting.height * setting.width, 3);
    const ActivationShape shape = conv->output_shape();
    ASSERT_EQ(shape.height, setting.output_height);
    ASSERT_EQ(shape.width, setting.output_width);
    std::vector<Value> output(shape.height * shape.width * shape.channels);
    conv->Run(values.data(), output.data(), nullptr, nullptr);
    ForEachOutput(shape, [&](int, int y, int x, int filter, size_t index) {
      const double products =
          sum(description.any_weights().*weights, values, input,
              description.input.zero_point, options.kernel_side,
              y * setting.stride - setting.pad_top,
              x * setting.stride - setting.pad_left, filter);
      ASSERT_NEAR(output[index], expected(description, filter, products),
                  tolerance)
          << "output " << index;
    });
  }
}

// The same for both types and for windows of 3x3 and 5x5.
void CheckSums(RandomConvOptions options,
               decltype(&DepthwiseSum<float>) float_sum,
               decltype(&DepthwiseSum<int8_t>) int8_sum) {
  for (const int side : {3, 5}) {
    options.kernel_side = side;
    options.type = DataType::kFloat32;
    CheckSums(options, &ConvWeights::float_values, RandomFloat, 1e-5, float_sum,
              FloatOutput);
    options.type = DataType::kInt8;
    CheckSums(options, &ConvWeights::int8_values, RandomInt8, 0.51, int8_sum,
              Int8Output);
  }
}

TEST(ReferenceTest, DepthwiseEqualsDense) {
  CheckSums(DenseDepthwise(), DepthwiseSum<float>, DepthwiseSum<int8_t>);
}

TEST(ReferenceTest, StemEqualsDense) {
  CheckSums(Stem(), StemSum<float>, StemSum<int8_t>);
}

TEST(ReferenceTest, QuantisedActivationsClampToTheirRange) {
  RandomConvOptions options;
  RandomConv random(options);
  ConvDescription description = random.description();
  description.output.zero_point = -20;
  description.input.scale = 1.0f;  // outputs reach every bound
  description.output.scale = 0.1f;
  struct Range {
    Activation activation;
    int min;
    int max;
  };
  for (const Range& range :
       {Range{Activation::kNone, -128, 127}, Range{Activation::kRelu, -20, 127},
        Range{Activation::kReluN1To1, -30, -10},
        Range{Activation::kRelu6, -20, 40}}) {
    description.activation = range.activation;
    const auto conv = CreateReferenceConv(description);
    ASSERT_TRUE(conv->Resize({{1, 9, 9, options.channels}}).ok());
    const std::vector<int8_t> input = RandomInt8(81 * options.channels, 1);
    std::vector<int8_t> output(81 * options.filters);
    conv->Run(input.data(), output.data(), nullptr, nullptr);
    const auto [min, max] = std::minmax_element(output.begin(), output.end());
    EXPECT_EQ(*min, range.min);
    EXPECT_EQ(*max, range.max);
  }
}

TEST(ReferenceTest, ThreadsGiveTheSame) {
  RandomConvOptions options;
  const RandomConv random(options);
  const auto conv = CreateReferenceConv(random.description());
  ASSERT_TRUE(conv->Resize({{2, 5, 3, options.channels}}).ok());
  const std::vector<int8_t> input = RandomInt8(30 * options.channels, 1);
  std::vector<int8_t> alone(30 * options.filters), shared(alone.size());
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  conv->Run(input.data(), alone.data(), nullptr, nullptr);
  conv->Run(input.data(), shared.data(), nullptr, pool.get());
  EXPECT_EQ(alone, shared);
}

TEST(ReferenceTest, AnyRangesOfRowsGiveTheWhole) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    RandomConvOptions options;
    options.kernel_side = seed % 2 == 0 ? 3 : 1;
    options.stride_height = 1 + seed / 2 % 2;
    options.padding = seed < 4 ? Padding::kSame : Padding::kValid;
    options.seed = seed;
    const RandomConv random(options);
    const auto conv = CreateReferenceConv(random.description());
    const ActivationShape shape = {2, 9, 3, options.channels};
    ASSERT_TRUE(conv->Resize({shape}).ok());
    const std::vector<int8_t> input =
        RandomInt8(size_t(54) * options.channels, seed);
    ExpectRangesGiveTheWhole(*conv, {{shape, BytesOf(input)}}, sizeof(int8_t),
                             seed);
  }
}

}  // namespace
}  // namespace tf_pconv
