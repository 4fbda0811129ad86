// Sums and products on the kernels of the list.

#include "delegate/core/elementwise/elementwise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "delegate/core/elementwise/kernel_table.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_run.h"
#include "delegate/testing/named_kernels.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

constexpr ElementwiseFunction kFunctions[] = {ElementwiseFunction::kSum,
                                              ElementwiseFunction::kProduct};

ElementwiseDescription Describe(ElementwiseFunction function, DataType type) {
  ElementwiseDescription description;
  description.function = function;
  description.type = type;
  return description;
}

class ElementwiseTest
    : public testing::TestWithParam<NamedKernel<ElementwiseKernel>> {
 protected:
  // An operator on images of one row.
  std::unique_ptr<Operator> OnRow(const ElementwiseDescription& description,
                                  int width) {
    auto op = CreateElementwise(description, *GetParam().kernel);
    const ActivationShape shape = {1, 1, width, 1};
    EXPECT_TRUE(op->Resize({shape, shape}).ok());
    return op;
  }

  // What an output should be, before rounding and clamping.
  static double Exact(const ElementwiseDescription& description, int a, int b) {
    const auto& operands = description.operands;
    const double x = double(operands[0].scale) * (a - operands[0].zero_point);
    const double y = double(operands[1].scale) * (b - operands[1].zero_point);
    const double result =
        description.function == ElementwiseFunction::kSum ? x + y : x * y;
    return result / description.output.scale + description.output.zero_point;
  }

  // All pairs of inputs, which are all that there are.
  void ExpectRounded(const ElementwiseDescription& description) {
    std::vector<int8_t> a, b;
    for (int i = 0; i < 256 * 256; ++i) {
      a.push_back(static_cast<int8_t>(i / 256 - 128));
      b.push_back(static_cast<int8_t>(i % 256 - 128));
    }
    const auto op = OnRow(description, 256 * 256);
    const std::vector<int8_t> outputs = GuardedRun<int8_t>(*op, {a, b});
    for (int i = 0; i < 256 * 256; ++i) {
      const double exact =
          std::clamp(Exact(description, a[i], b[i]), -128.0, 127.0);
      ASSERT_LE(std::abs(outputs[i] - exact), 0.5001)
          << int{a[i]} << " and " << int{b[i]};
    }
  }
};

struct Quantizations {
  Quantization a, b, output;
};

ElementwiseDescription Quantize(ElementwiseFunction function,
                                const Quantizations& given) {
  ElementwiseDescription description = Describe(function, DataType::kInt8);
  description.operands[0] = given.a;
  description.operands[1] = given.b;
  description.output = given.output;
  return description;
}

TEST_P(ElementwiseTest, Int8IsTheRoundedSum) {
  for (const Quantizations& test :
       {Quantizations{{0.5f, 3}, {0.25f, -7}, {0.75f, 2}},
        {{0.02f, -128}, {0.013f, 127}, {0.031f, -128}},
        {{1.0f, 0}, {1.0f, 0}, {2.0f, 0}},
        {{1e-3f, 0}, {40.0f, 5}, {20.0f, -5}},
        {{512.0f, 1}, {300.0f, 0}, {1.0f, 0}}}) {
    ExpectRounded(Quantize(ElementwiseFunction::kSum, test));
  }
}

TEST_P(ElementwiseTest, Int8IsTheRoundedProduct) {
  for (const Quantizations& test :
       {Quantizations{{0.5f, 3}, {0.25f, -7}, {0.75f, 2}},
        {{0.02f, -128}, {1.0f / 256, -128}, {0.017f, -128}},
        {{0.3f, 127}, {0.1f, -128}, {10.0f, 127}},
        {{1.0f, 0}, {1.0f, 0}, {2.0f, 0}},
        {{1e-3f, 0}, {1e-3f, 5}, {20.0f, -5}},
        {{512.0f, 127}, {1.0f, -128}, {1.0f, 0}}}) {
    ExpectRounded(Quantize(ElementwiseFunction::kProduct, test));
  }
}

TEST_P(ElementwiseTest, HalvesAreRoundedUp) {
  ElementwiseDescription description =
      Describe(ElementwiseFunction::kSum, DataType::kInt8);
  description.output.scale = 2.0f;
  EXPECT_EQ(GuardedRun<int8_t>(*OnRow(description, 4),
                               {{1, 2, -1, -3}, {2, 3, -2, -2}}),
            (std::vector<int8_t>{2, 3, -1, -2}));
  description.function = ElementwiseFunction::kProduct;
  EXPECT_EQ(GuardedRun<int8_t>(*OnRow(description, 4),
                               {{1, 5, -1, -5}, {3, 1, 3, 1}}),
            (std::vector<int8_t>{2, 3, -1, -2}));
}

TEST_P(ElementwiseTest, FloatIsTheSumOrProduct) {
  for (ElementwiseFunction function : kFunctions) {
    for (int width : {1, 7, 16, 33, 5000}) {
      const auto op = OnRow(Describe(function, DataType::kFloat32), width);
      const std::vector<float> a = RandomFloat(width, 1);
      const std::vector<float> b = RandomFloat(width, 2);
      const std::vector<float> outputs = GuardedRun<float>(*op, {a, b});
      for (int i = 0; i < width; ++i) {
        ASSERT_EQ(outputs[i], function == ElementwiseFunction::kSum
                                  ? a[i] + b[i]
                                  : a[i] * b[i]);
      }
    }
  }
}

TEST_P(ElementwiseTest, NoNumbersStay) {
  for (ElementwiseFunction function : kFunctions) {
    ElementwiseDescription description = Describe(function, DataType::kFloat32);
    description.activation = Activation::kRelu6;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> outputs =
        GuardedRun<float>(*OnRow(description, 2), {{nan, 5.0f}, {1.0f, 5.0f}});
    EXPECT_TRUE(std::isnan(outputs[0]));
    EXPECT_EQ(outputs[1], 6.0f);
  }
}

TEST_P(ElementwiseTest, ActivationsClampInt8) {
  ElementwiseDescription description =
      Quantize(ElementwiseFunction::kSum, {{0.1f, 0}, {0.1f, 0}, {0.1f, -20}});
  description.activation = Activation::kRelu6;
  EXPECT_EQ(GuardedRun<int8_t>(*OnRow(description, 3),
                               {{-50, 10, 100}, {-50, 10, 100}}),
            (std::vector<int8_t>{-20, 0, 40}));
  description.function = ElementwiseFunction::kProduct;
  EXPECT_EQ(GuardedRun<int8_t>(*OnRow(description, 3),
                               {{-50, 10, 100}, {50, 10, 100}}),
            (std::vector<int8_t>{-20, -10, 40}));
}

// An operand with less than a value for each output, as a case of a test.
struct Smaller {
  const char* name;
  bool is_constant;
  int batch;       // of an input
  bool is_number;  // of a constant
};
constexpr Smaller kSmaller[] = {{"number", true, 1, true},
                                {"channels", true, 1, false},
                                {"for all images", false, 1, false},
                                {"for each image", false, 2, false}};

// What the smaller operand stands for.
template <typename Value>
std::vector<Value> Expand(const std::vector<Value>& values, int batch,
                          const ActivationShape& image) {
  const size_t period = values.size() / batch;
  const size_t pixels = size_t(image.height) * image.width;
  std::vector<Value> expanded;
  for (int i = 0; i < image.batch; ++i) {
    const Value* first = values.data() + (batch == 1 ? 0 : i * period);
    for (size_t j = 0; j < pixels * image.channels; ++j) {
      expanded.push_back(first[j % period]);
    }
  }
  return expanded;
}

// Where one operand is smaller, on either side, outputs are those of two images
// of one shape; and parts of them those of the whole.
template <typename Value>
void ExpectExpanded(const ElementwiseDescription& given,
                    const ElementwiseKernel& kernel,
                    const std::vector<Value>& whole,
                    const std::vector<Value>& values, const Smaller& smaller,
                    int operand, const ActivationShape& shape,
                    ThreadPool* pool) {
  ElementwiseDescription description = given;
  const auto flat = CreateElementwise(description, kernel);
  ASSERT_TRUE(flat->Resize({shape, shape}).ok());
  std::vector<std::vector<Value>> operands(2, whole);
  operands[operand] = Expand(values, smaller.batch, shape);
  const std::vector<Value> expected = GuardedRun(*flat, operands);

  if (smaller.is_constant) {
    description.constant.operand = operand;
    description.constant.values = values.data();
    description.constant.count = static_cast<int>(values.size());
  }
  const auto op = CreateElementwise(description, kernel);
  std::vector<ActivationShape> shapes = {shape};
  operands = {whole};
  if (!smaller.is_constant) {
    shapes.insert(shapes.begin() + operand,
                  {smaller.batch, 1, 1, shape.channels});
    operands.insert(operands.begin() + operand, values);
  }
  const Status status = op->Resize(shapes);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(GuardedRun(*op, operands), expected);
  std::vector<InputTensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    inputs.push_back({shapes[i], BytesOf(operands[i])});
  }
  ExpectRangesGiveTheWhole(*op, inputs, sizeof(Value), 7, pool);
}

TEST_P(ElementwiseTest, ValuesOfChannelsAreThoseOfEachPixel) {
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok());
  for (int channels : {1, 3, 24, 29, 40, 3001}) {
    // More than is computed at once, and not a multiple of it.
    const ActivationShape shape = {2, 7, 10000 / (7 * channels) + 2, channels};
    for (const Smaller& smaller : kSmaller) {
      for (int i = 0; i < 4; ++i) {
        SCOPED_TRACE(testing::Message() << smaller.name << ", " << channels
                                        << " channels, case " << i);
        const int operand = i % 2;
        const int count = smaller.is_number ? 1 : channels * smaller.batch;
        const auto int8 =
            Quantize(kFunctions[i / 2], {{0.5f, 3}, {0.25f, -7}, {3.0f, 2}});
        ExpectExpanded(int8, *GetParam().kernel, RandomInt8(ValuesOf(shape), 1),
                       RandomInt8(count, 2), smaller, operand, shape,
                       pool.get());
        ExpectExpanded(Describe(kFunctions[i / 2], DataType::kFloat32),
                       *GetParam().kernel, RandomFloat(ValuesOf(shape), 1),
                       RandomFloat(count, 2), smaller, operand, shape,
                       pool.get());
      }
    }
  }
}

// Ranges of rows, in a batch and on several threads, are parts of the whole.
TEST_P(ElementwiseTest, RangesOfRowsGiveTheSame) {
  const auto op = CreateElementwise(
      Quantize(ElementwiseFunction::kSum, {{1.0f, 0}, {0.7f, 4}, {1.0f, 0}}),
      *GetParam().kernel);
  const ActivationShape shape = {3, 11, 70, 29};
  ASSERT_TRUE(op->Resize({shape, shape}).ok());
  Status status;
  for (int threads : {1, 2, 3}) {
    const auto pool = ThreadPool::Create(threads, &status);
    ASSERT_TRUE(status.ok());
    ExpectRangesGiveTheWhole(*op,
                             {{shape, BytesOf(RandomInt8(ValuesOf(shape), 1))},
                              {shape, BytesOf(RandomInt8(ValuesOf(shape), 2))}},
                             1, threads, pool.get());
  }
}

// What was the smaller operand need not be so for inputs of other sizes.
TEST_P(ElementwiseTest, InputsAreResized) {
  const auto op = CreateElementwise(
      Describe(ElementwiseFunction::kProduct, DataType::kFloat32),
      *GetParam().kernel);
  ASSERT_TRUE(op->Resize({{2, 1, 1, 3}, {2, 4, 5, 3}}).ok());
  EXPECT_GT(op->WorkspaceBytes(1), 0u);
  EXPECT_EQ(op->InputRows(0, {2, 4}).end, 1);
  ASSERT_TRUE(op->Resize({{1, 4, 5, 3}, {1, 4, 5, 3}}).ok());
  EXPECT_EQ(op->WorkspaceBytes(1), 0u);
  EXPECT_EQ(op->InputRows(0, {2, 4}).end, 4);
  ASSERT_TRUE(op->Resize({{1, 1, 1, 2}, {1, 1, 1, 2}}).ok());
  EXPECT_EQ(GuardedRun<float>(*op, {{2, 3}, {5, 7}}),
            (std::vector<float>{10, 21}));
}

TEST_P(ElementwiseTest, ShapesThatDoNotFitAreRefused) {
  ElementwiseDescription description =
      Describe(ElementwiseFunction::kSum, DataType::kFloat32);
  const auto op = CreateElementwise(description, *GetParam().kernel);
  for (const ActivationShape& other : {ActivationShape{1, 1, 1, 4},
                                       {3, 1, 1, 3},
                                       {2, 1, 5, 3},
                                       {2, 4, 4, 3}}) {
    EXPECT_THAT(op->Resize({{2, 4, 5, 3}, other}).message(),
                testing::HasSubstr("inputs of 2x4x5x3 and "));
  }
  const std::vector<float> values(3, 1.0f);
  description.constant.values = values.data();
  description.constant.count = 3;
  const auto constant = CreateElementwise(description, *GetParam().kernel);
  EXPECT_TRUE(constant->Resize({{2, 4, 5, 3}}).ok());
  EXPECT_THAT(constant->Resize({{2, 4, 5, 1}}).message(),
              testing::HasSubstr("1 channels and a constant of 3"));
}

INSTANTIATE_TEST_SUITE_P(
    Elementwise, ElementwiseTest,
    testing::ValuesIn(NamedKernels(native::kElementwiseKernels,
                                   emulated::kElementwiseKernels)),
    [](const auto& info) { return info.param.name; });

std::string Refusal(const ElementwiseDescription& description) {
  Status status;
  EXPECT_EQ(CreateElementwise(description, &status), nullptr);
  return std::string(status.message());
}

TEST(CreateElementwiseTest, NonsenseIsRefused) {
  for (ElementwiseFunction function : kFunctions) {
    ElementwiseDescription description = Describe(function, DataType::kInt8);
    description.operands[1].scale = 0.0f;
    EXPECT_THAT(Refusal(description),
                testing::HasSubstr("scale of the second operand is 0"));
    description.operands[1] = {1.0f, 200};
    EXPECT_THAT(Refusal(description),
                testing::HasSubstr("zero point of the second operand is 200"));
    description.operands[1] = {};
    description.output.scale = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(Refusal(description), testing::HasSubstr("of the output"));
    description.output.scale = 1e-3f;
    EXPECT_THAT(Refusal(description), testing::HasSubstr("1000 times"));
  }
}

}  // namespace
}  // namespace tf_pconv
