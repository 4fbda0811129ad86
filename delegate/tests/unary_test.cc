// Functions of one value on the kernels of the list.

#include "delegate/core/unary/unary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "delegate/core/thread_pool.h"
#include "delegate/core/unary/kernel_table.h"
#include "delegate/testing/guarded_run.h"
#include "delegate/testing/named_kernels.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The outputs of a row of inputs, in buffers that end where an inaccessible
// page begins.
template <typename Value>
std::vector<Value> RowOf(Operator* unary, const std::vector<Value>& input) {
  const int width = static_cast<int>(input.size());
  EXPECT_TRUE(unary->Resize({{1, 1, width, 1}}).ok());
  return GuardedRun(*unary, input);
}

class UnaryTest : public testing::TestWithParam<NamedKernel<UnaryKernel>> {
 protected:
  std::unique_ptr<Operator> Create(const UnaryDescription& description) const {
    return CreateUnary(description, *GetParam().kernel);
  }
};

std::vector<int8_t> AllInt8() {
  std::vector<int8_t> all;
  for (int value = -128; value <= 127; ++value) {
    all.push_back(static_cast<int8_t>(value));
  }
  return all;
}

TEST_P(UnaryTest, EveryInt8) {
  UnaryDescription description;
  description.type = DataType::kInt8;
  description.input = {0.05f, 10};
  description.output = {1 / 256.0f, -128};
  description.function = UnaryFunction::kLogistic;
  const auto logistic = Create(description);
  const std::vector<int8_t> input = AllInt8();
  const std::vector<int8_t> output = RowOf(logistic.get(), input);
  for (size_t i = 0; i < input.size(); ++i) {
    const double x = (input[i] - 10) * double(0.05f);
    const double expected = std::round(256 / (1 + std::exp(-x))) - 128;
    ASSERT_EQ(output[i], std::min(expected, 127.0)) << "of " << int{input[i]};
  }
}

TEST_P(UnaryTest, Int8IsQuantizedAgain) {
  UnaryDescription description;
  description.type = DataType::kInt8;
  description.input = {0.5f, 3};
  description.output = {1.0f, -2};
  EXPECT_THAT(RowOf<int8_t>(Create(description).get(), {3, 5, 4, -128, 127}),
              ElementsAre(-2, -1, -1, -68, 60));
  description.activation = Activation::kRelu6;
  EXPECT_THAT(RowOf<int8_t>(Create(description).get(), {3, 5, -7, 127}),
              ElementsAre(-2, -1, -2, 4));
  description.function = UnaryFunction::kLeakyRelu;
  description.slope = 0.25f;
  EXPECT_THAT(RowOf<int8_t>(Create(description).get(), {11, 3, -13}),
              ElementsAre(2, -2, -4));
}

TEST_P(UnaryTest, Floats) {
  std::vector<float> input;
  for (float x = -100; x <= 100; x += 0.37f) input.push_back(x);
  const auto expect = [&](const UnaryDescription& description,
                          double (*function)(double)) {
    const auto output = RowOf(Create(description).get(), input);
    for (size_t i = 0; i < input.size(); ++i) {
      const double expected = function(input[i]);
      ASSERT_NEAR(output[i], expected, 1e-37 + 3e-7 * std::abs(expected))
          << "of " << input[i];
    }
  };
  UnaryDescription description;
  expect(description, [](double x) { return x; });
  description.activation = Activation::kRelu;
  expect(description, [](double x) { return std::max(x, 0.0); });
  description.activation = Activation::kReluN1To1;
  expect(description, [](double x) { return std::clamp(x, -1.0, 1.0); });
  description.function = UnaryFunction::kLeakyRelu;
  description.slope = 0.125f;
  expect(description, [](double x) { return x < 0 ? 0.125 * x : x; });
  description.function = UnaryFunction::kHardSwish;
  expect(description,
         [](double x) { return x * std::clamp(x + 3, 0.0, 6.0) / 6; });
  description.function = UnaryFunction::kLogistic;
  expect(description, [](double x) { return 1 / (1 + std::exp(-x)); });
}

TEST_P(UnaryTest, WhatIsNoNumberStaysNone) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  UnaryDescription description;
  description.activation = Activation::kRelu6;
  for (const UnaryFunction function :
       {UnaryFunction::kClamp, UnaryFunction::kLeakyRelu,
        UnaryFunction::kHardSwish, UnaryFunction::kLogistic}) {
    description.function = function;
    const auto output = RowOf<float>(Create(description).get(), {nan, 1.0f});
    EXPECT_TRUE(std::isnan(output[0]));
    EXPECT_FALSE(std::isnan(output[1]));
  }
}

TEST_P(UnaryTest, InfinitiesReachTheLimits) {
  const float infinity = std::numeric_limits<float>::infinity();
  UnaryDescription description;
  description.function = UnaryFunction::kLogistic;
  const auto output =
      RowOf<float>(Create(description).get(), {infinity, -infinity, 0.0f});
  EXPECT_EQ(output[0], 1.0f);
  EXPECT_NEAR(output[1], 0.0f, 1e-37);
  EXPECT_EQ(output[2], 0.5f);
}

// Ranges of rows, in a batch and on several threads, are parts of the whole.
TEST_P(UnaryTest, RangesOfRowsGiveTheSame) {
  const ActivationShape shape = {2, 11, 9, 29};
  const std::vector<int8_t> input = RandomInt8(2 * 11 * 9 * 29, 1);
  Status status;
  for (const DataType type : {DataType::kInt8, DataType::kFloat32}) {
    UnaryDescription description;
    description.type = type;
    description.function = UnaryFunction::kHardSwish;
    const auto unary = Create(description);
    ASSERT_TRUE(unary->Resize({shape}).ok());
    const TensorBytes bytes =
        type == DataType::kInt8
            ? BytesOf(input)
            : BytesOf(std::vector<float>(input.begin(), input.end()));
    for (int threads : {1, 3}) {
      const auto pool = ThreadPool::Create(threads, &status);
      ASSERT_TRUE(status.ok());
      ExpectRangesGiveTheWhole(*unary, {{shape, bytes}}, ElementBytes(type),
                               threads, pool.get());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Unary, UnaryTest,
                         testing::ValuesIn(NamedKernels(
                             native::kUnaryKernels, emulated::kUnaryKernels)),
                         [](const auto& info) { return info.param.name; });

TEST(CreateUnaryTest, NonsenseIsRefused) {
  const auto refusal = [](const UnaryDescription& description) {
    Status status;
    EXPECT_EQ(CreateUnary(description, &status), nullptr);
    return std::string(status.message());
  };
  UnaryDescription description;
  description.input.scale = 0.0f;
  EXPECT_THAT(refusal(description), HasSubstr("scale of the input is 0"));
  description.input.scale = 1.0f;
  description.output.zero_point = 200;
  EXPECT_THAT(refusal(description),
              HasSubstr("zero point of the output is 200"));
  description.output.zero_point = 0;
  description.slope = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(description), HasSubstr("the slope is inf"));
}

}  // namespace
}  // namespace tf_pconv
