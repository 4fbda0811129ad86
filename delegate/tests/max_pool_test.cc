// Max pooling on the kernels of the list.

#include "delegate/core/max_pool/max_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/max_pool/kernel_table.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_buffer.h"
#include "delegate/testing/named_kernels.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

size_t ValuesOf(const ActivationShape& shape) {
  return size_t(shape.batch) * shape.height * shape.width * shape.channels;
}

// Rows of the output, in buffers that end where an inaccessible page begins;
// the other rows are 0.
template <typename Value>
std::vector<Value> Pool(const Operator& pool, const std::vector<Value>& input,
                        RowRange rows, ThreadPool* threads = nullptr) {
  const size_t count = ValuesOf(pool.output_shape());
  const GuardedBuffer source(input.size() * sizeof(Value));
  const GuardedBuffer output(count * sizeof(Value));
  memcpy(source.data(), input.data(), input.size() * sizeof(Value));
  memset(output.data(), 0, count * sizeof(Value));
  const void* inputs[] = {source.data()};
  pool.RunRows(inputs, output.data(), rows, nullptr, threads, nullptr);
  EXPECT_TRUE(output.FrontIntact());
  std::vector<Value> values(count);
  memcpy(values.data(), output.data(), count * sizeof(Value));
  return values;
}

// The largest value of each window, without any care for speed.
template <typename Value>
std::vector<Value> Expected(const MaxPoolDescription& description,
                            const ActivationShape& in,
                            const ActivationShape& out,
                            const std::vector<Value>& input) {
  const auto pad = [&](int size, int outputs, int stride) {
    const int covered = (outputs - 1) * stride + description.side - size;
    return description.padding == Padding::kSame ? std::max(covered, 0) / 2 : 0;
  };
  const int top = pad(in.height, out.height, description.stride_height);
  const int left = pad(in.width, out.width, description.stride_width);
  std::vector<Value> values(ValuesOf(out),
                            std::numeric_limits<Value>::lowest());
  for (size_t i = 0; i < values.size(); ++i) {
    const int channel = static_cast<int>(i % in.channels);
    const int x = static_cast<int>(i / in.channels % out.width);
    const int y = static_cast<int>(i / in.channels / out.width % out.height);
    const size_t image = i / in.channels / out.width / out.height;
    for (int tap = 0; tap < description.side * description.side; ++tap) {
      const int row =
          y * description.stride_height - top + tap / description.side;
      const int column =
          x * description.stride_width - left + tap % description.side;
      if (row < 0 || row >= in.height || column < 0 || column >= in.width) {
        continue;
      }
      const size_t pixel = (image * in.height + row) * in.width + column;
      values[i] = std::max(values[i], input[pixel * in.channels + channel]);
    }
  }
  return values;
}

class MaxPoolTest : public testing::TestWithParam<NamedKernel<MaxPoolKernel>> {
 protected:
  template <typename Value>
  void Check(MaxPoolDescription description, ActivationShape in,
             const std::vector<Value>& input) const {
    SCOPED_TRACE(testing::Message()
                 << in.batch << "x" << in.height << "x" << in.width << "x"
                 << in.channels << ", side " << description.side << ", stride "
                 << description.stride_height << "x"
                 << description.stride_width);
    const auto pool = CreateMaxPool(description, *GetParam().kernel);
    ASSERT_TRUE(pool->Resize({in}).ok());
    const ActivationShape out = pool->output_shape();
    EXPECT_EQ(Pool(*pool, input, {0, out.height}),
              Expected(description, in, out, input));
  }
};

TEST_P(MaxPoolTest, EveryWindowHasItsLargestValue) {
  const int least = GetParam().kernel->bytes;
  for (const int side : {2, 3}) {
    for (const Padding padding : {Padding::kSame, Padding::kValid}) {
      for (const int stride : {1, 2, 3}) {
        for (const int size : {3, 4, 7, 8}) {
          for (const int channels : {least, least + 1, 2 * least + 7}) {
            MaxPoolDescription description;
            description.side = side;
            description.padding = padding;
            description.stride_height = stride;
            description.stride_width = 1 + size % 3;
            description.channels = channels;
            const ActivationShape in = {1, size, size + 1, channels};
            description.type = DataType::kInt8;
            Check(description, in, RandomInt8(ValuesOf(in), size));
            description.type = DataType::kFloat32;
            Check(description, in, RandomFloat(ValuesOf(in), size));
          }
        }
      }
    }
  }
}

TEST_P(MaxPoolTest, AnImageSmallerThanItsWindow) {
  MaxPoolDescription description;
  description.side = 3;
  description.padding = Padding::kSame;
  description.channels = 16;
  const ActivationShape in = {2, 1, 2, 16};
  Check(description, in, RandomFloat(ValuesOf(in), 1));
}

TEST_P(MaxPoolTest, ActivationsClamp) {
  MaxPoolDescription description;
  description.channels = 64;
  description.activation = Activation::kRelu6;
  description.type = DataType::kInt8;
  description.scale = 0.1f;
  description.zero_point = -20;
  const auto pool = CreateMaxPool(description, *GetParam().kernel);
  ASSERT_TRUE(pool->Resize({{1, 2, 6, 64}}).ok());
  std::vector<int8_t> input(2 * 6 * 64, -128);
  std::fill_n(&input[64 * 2], 64, 7);
  std::fill_n(&input[64 * 4], 64, 100);
  const std::vector<int8_t> output = Pool(*pool, input, {0, 1});
  EXPECT_EQ(output[0], -20);
  EXPECT_EQ(output[64], 7);
  EXPECT_EQ(output[128], 40);
}

TEST_P(MaxPoolTest, ActivationsClampFloats) {
  MaxPoolDescription description;
  description.channels = 16;
  description.activation = Activation::kRelu6;
  const auto pool = CreateMaxPool(description, *GetParam().kernel);
  ASSERT_TRUE(pool->Resize({{1, 2, 4, 16}}).ok());
  std::vector<float> input(2 * 4 * 16, -3.0f);
  std::fill_n(&input[16 * 2], 16, 7.0f);
  const std::vector<float> output = Pool(*pool, input, {0, 1});
  EXPECT_EQ(output[0], 0.0f);
  EXPECT_EQ(output[16], 6.0f);
}

TEST_P(MaxPoolTest, NoNumbersDoNotCount) {
  MaxPoolDescription description;
  description.channels = 16;
  const auto pool = CreateMaxPool(description, *GetParam().kernel);
  ASSERT_TRUE(pool->Resize({{1, 2, 2, 16}}).ok());
  for (int pixel = 0; pixel < 4; ++pixel) {
    std::vector<float> input(4 * 16, 1.5f);
    std::fill_n(&input[16 * pixel], 16,
                std::numeric_limits<float>::quiet_NaN());
    EXPECT_EQ(Pool(*pool, input, {0, 1}), std::vector<float>(16, 1.5f));
  }
}

// Ranges of rows, in a batch and on several threads, are parts of the whole.
TEST_P(MaxPoolTest, RangesOfRowsGiveTheSame) {
  MaxPoolDescription description;
  description.channels = 80;
  description.side = 3;
  description.padding = Padding::kSame;
  const auto pool = CreateMaxPool(description, *GetParam().kernel);
  const ActivationShape in = {2, 13, 9, 80};
  ASSERT_TRUE(pool->Resize({in}).ok());
  const ActivationShape out = pool->output_shape();
  const std::vector<float> input = RandomFloat(ValuesOf(in), 1);
  const std::vector<float> whole = Pool(*pool, input, {0, out.height});
  const size_t row_values = size_t(out.width) * out.channels;
  Status status;
  for (int threads : {1, 2, 3}) {
    const auto workers = ThreadPool::Create(threads, &status);
    ASSERT_TRUE(status.ok());
    for (const RowRange rows : {RowRange{0, 1}, {2, 7}, {3, 4}}) {
      const auto part = Pool(*pool, input, rows, workers.get());
      for (size_t i = 0; i < part.size(); ++i) {
        const int y = static_cast<int>(i / row_values) % out.height;
        const bool wanted = y >= rows.begin && y < rows.end;
        ASSERT_EQ(part[i], wanted ? whole[i] : 0.0f) << "value " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    MaxPool, MaxPoolTest,
    testing::ValuesIn(NamedKernels(native::kMaxPoolKernels,
                                   emulated::kMaxPoolKernels)),
    [](const auto& info) { return info.param.name; });

TEST(CreateMaxPoolTest, ShortVectorsRunWhatLongOnesCannot) {
  if ((CpuFeatures() & kAvx2) == 0) GTEST_SKIP() << "no kernel runs here";
  MaxPoolDescription description;
  description.type = DataType::kInt8;
  description.channels = 32;
  Status status;
  const auto pool = CreateMaxPool(description, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_STREQ(pool->kernel_name(), "max-pool-avx2");
}

TEST(CreateMaxPoolTest, WhatHasNoKernelIsRefused) {
  const auto refusal = [](const MaxPoolDescription& description) {
    Status status;
    EXPECT_EQ(CreateMaxPool(description, &status), nullptr);
    return std::string(status.message());
  };
  MaxPoolDescription description;
  description.channels = 64;
  description.side = 4;
  EXPECT_THAT(refusal(description), testing::HasSubstr("4x4"));
  description.side = 2;
  description.channels = 3;
  EXPECT_THAT(refusal(description), testing::HasSubstr("3 channels"));
  description.channels = 64;
  description.type = DataType::kInt8;
  description.scale = 0.0f;
  EXPECT_THAT(refusal(description), testing::HasSubstr("scale is 0"));
}

}  // namespace
}  // namespace tf_pconv
