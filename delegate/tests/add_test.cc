// Additions on the kernels of the list.

#include "delegate/core/add/add.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "delegate/core/add/kernel_table.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_buffer.h"
#include "delegate/testing/named_kernels.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

// Runs rows of an addition whose buffers end where an inaccessible page begins.
template <typename Value>
std::vector<Value> Sum(const Operator& add, const std::vector<Value>& a,
                       const std::vector<Value>& b, RowRange rows,
                       ThreadPool* pool = nullptr) {
  const size_t bytes = a.size() * sizeof(Value);
  const GuardedBuffer first(bytes), second(bytes), output(bytes);
  memcpy(first.data(), a.data(), bytes);
  memcpy(second.data(), b.data(), bytes);
  memset(output.data(), 0, bytes);
  const void* inputs[] = {first.data(), second.data()};
  add.RunRows(inputs, output.data(), rows, nullptr, pool, nullptr);
  EXPECT_TRUE(output.FrontIntact());
  std::vector<Value> values(a.size());
  memcpy(values.data(), output.data(), bytes);
  return values;
}

class AddTest : public testing::TestWithParam<NamedKernel<AddKernel>> {
 protected:
  // What each output should be, before rounding and clamping.
  static double Exact(const AddDescription& description, int8_t a, int8_t b) {
    const auto& in = description.inputs;
    const double sum = double(in[0].scale) * (a - in[0].zero_point) +
                       double(in[1].scale) * (b - in[1].zero_point);
    return sum / description.output.scale + description.output.zero_point;
  }
};

// All pairs of inputs, which are all that there are.
TEST_P(AddTest, Int8IsTheRoundedSum) {
  struct Case {
    AddDescription::Quantization a, b, output;
  };
  for (const Case& test : {Case{{0.5f, 3}, {0.25f, -7}, {0.75f, 2}},
                           Case{{0.02f, -128}, {0.013f, 127}, {0.031f, -128}},
                           Case{{1.0f, 0}, {1.0f, 0}, {2.0f, 0}},
                           Case{{1e-3f, 0}, {40.0f, 5}, {20.0f, -5}},
                           Case{{512.0f, 1}, {300.0f, 0}, {1.0f, 0}}}) {
    AddDescription description;
    description.type = DataType::kInt8;
    description.inputs[0] = test.a;
    description.inputs[1] = test.b;
    description.output = test.output;
    const auto add = CreateAdd(description, *GetParam().kernel);
    ASSERT_TRUE(add->Resize({{1, 256, 256, 1}, {1, 256, 256, 1}}).ok());
    std::vector<int8_t> a, b;
    for (int i = 0; i < 256 * 256; ++i) {
      a.push_back(static_cast<int8_t>(i / 256 - 128));
      b.push_back(static_cast<int8_t>(i % 256 - 128));
    }
    const std::vector<int8_t> sums = Sum(*add, a, b, {0, 256});
    for (int i = 0; i < 256 * 256; ++i) {
      const double exact =
          std::clamp(Exact(description, a[i], b[i]), -128.0, 127.0);
      ASSERT_LE(std::abs(sums[i] - exact), 0.5001)
          << int{a[i]} << " + " << int{b[i]};
    }
  }
}

TEST_P(AddTest, HalvesAreRoundedUp) {
  AddDescription description;
  description.type = DataType::kInt8;
  description.output.scale = 2.0f;
  const auto add = CreateAdd(description, *GetParam().kernel);
  ASSERT_TRUE(add->Resize({{1, 1, 4, 1}, {1, 1, 4, 1}}).ok());
  const std::vector<int8_t> a = {1, 2, -1, -3}, b = {2, 3, -2, -2};
  EXPECT_EQ(Sum(*add, a, b, {0, 1}), (std::vector<int8_t>{2, 3, -1, -2}));
}

TEST_P(AddTest, FloatIsTheSum) {
  const auto add = CreateAdd(AddDescription(), *GetParam().kernel);
  for (int width : {1, 7, 16, 33, 5000}) {
    ASSERT_TRUE(add->Resize({{1, 1, width, 1}, {1, 1, width, 1}}).ok());
    const std::vector<float> a = RandomFloat(width, 1);
    const std::vector<float> b = RandomFloat(width, 2);
    const std::vector<float> sums = Sum(*add, a, b, {0, 1});
    for (int i = 0; i < width; ++i) ASSERT_EQ(sums[i], a[i] + b[i]);
  }
}

TEST_P(AddTest, NoNumbersStay) {
  AddDescription description;
  description.activation = Activation::kRelu6;
  const auto add = CreateAdd(description, *GetParam().kernel);
  ASSERT_TRUE(add->Resize({{1, 1, 2, 1}, {1, 1, 2, 1}}).ok());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> sums =
      Sum<float>(*add, {nan, 5.0f}, {1.0f, 5.0f}, {0, 1});
  EXPECT_TRUE(std::isnan(sums[0]));
  EXPECT_EQ(sums[1], 6.0f);
}

TEST_P(AddTest, ActivationsClampInt8) {
  AddDescription description;
  description.type = DataType::kInt8;
  description.activation = Activation::kRelu6;
  description.output = {0.1f, -20};
  description.inputs[0] = description.inputs[1] = {0.1f, 0};
  const auto add = CreateAdd(description, *GetParam().kernel);
  ASSERT_TRUE(add->Resize({{1, 1, 3, 1}, {1, 1, 3, 1}}).ok());
  EXPECT_EQ(Sum<int8_t>(*add, {-50, 10, 100}, {-50, 10, 100}, {0, 1}),
            (std::vector<int8_t>{-20, 0, 40}));
}

// Ranges of rows, in a batch and on several threads, are parts of the whole.
TEST_P(AddTest, RangesOfRowsGiveTheSame) {
  AddDescription description;
  description.type = DataType::kInt8;
  description.inputs[1] = {0.7f, 4};
  const auto add = CreateAdd(description, *GetParam().kernel);
  const ActivationShape shape = {3, 11, 70, 29};
  ASSERT_TRUE(add->Resize({shape, shape}).ok());
  const size_t row = size_t(shape.width) * shape.channels;
  const std::vector<int8_t> a = RandomInt8(row * 33, 1);
  const std::vector<int8_t> b = RandomInt8(row * 33, 2);
  const std::vector<int8_t> whole = Sum(*add, a, b, {0, shape.height});
  Status status;
  for (int threads : {1, 2, 3}) {
    const auto pool = ThreadPool::Create(threads, &status);
    ASSERT_TRUE(status.ok());
    for (const RowRange rows : {RowRange{0, 1}, {3, 11}, {5, 6}}) {
      const auto part = Sum(*add, a, b, rows, pool.get());
      for (size_t i = 0; i < part.size(); ++i) {
        const int y = static_cast<int>(i / row) % shape.height;
        const bool wanted = y >= rows.begin && y < rows.end;
        ASSERT_EQ(part[i], wanted ? whole[i] : 0) << "value " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Add, AddTest,
                         testing::ValuesIn(NamedKernels(native::kAddKernels,
                                                        emulated::kAddKernels)),
                         [](const auto& info) { return info.param.name; });

TEST(CreateAddTest, NonsenseIsRefused) {
  const auto refusal = [](AddDescription description) {
    Status status;
    EXPECT_EQ(CreateAdd(description, &status), nullptr);
    return std::string(status.message());
  };
  AddDescription description;
  description.inputs[1].scale = 0.0f;
  EXPECT_THAT(refusal(description),
              testing::HasSubstr("scale of the second input is 0"));
  description.inputs[1] = {1.0f, 200};
  EXPECT_THAT(refusal(description),
              testing::HasSubstr("zero point of the second input is 200"));
  description.inputs[1] = {};
  description.output.scale = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal(description), testing::HasSubstr("of the output"));
  description.output.scale = 1e-3f;
  EXPECT_THAT(refusal(description), testing::HasSubstr("1000 times"));
}

}  // namespace
}  // namespace tf_pconv
