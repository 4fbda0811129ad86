// Max and average pooling on the kernels of the list.

#include "delegate/core/pool/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pool/kernel_table.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_run.h"
#include "delegate/testing/named_kernels.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// What a window with these values in a channel becomes, as TFLite's reference
// kernels compute it.
float OutputOf(PoolKind kind, const std::vector<float>& window) {
  if (kind == PoolKind::kMax) {
    return *std::max_element(window.begin(), window.end());
  }
  float sum = 0.0f;
  for (float value : window) sum += value;
  return sum / static_cast<float>(window.size());
}

int8_t OutputOf(PoolKind kind, const std::vector<int8_t>& window) {
  if (kind == PoolKind::kMax) {
    return *std::max_element(window.begin(), window.end());
  }
  const int pixels = static_cast<int>(window.size());
  int sum = 0;
  for (int8_t value : window) sum += value;
  sum += sum > 0 ? pixels / 2 : -(pixels / 2);
  return static_cast<int8_t>(sum / pixels);
}

template <typename Value>
std::vector<Value> Expected(const PoolDescription& description,
                            const ActivationShape& in,
                            const ActivationShape& out,
                            const std::vector<Value>& input) {
  const auto pad = [&](int size, int outputs, int stride) {
    const int covered = (outputs - 1) * stride + description.side - size;
    return description.padding == Padding::kSame ? std::max(covered, 0) / 2 : 0;
  };
  const int top = pad(in.height, out.height, description.stride_height);
  const int left = pad(in.width, out.width, description.stride_width);
  std::vector<Value> values(ValuesOf(out));
  for (size_t i = 0; i < values.size(); ++i) {
    const int channel = static_cast<int>(i % in.channels);
    const int x = static_cast<int>(i / in.channels % out.width);
    const int y = static_cast<int>(i / in.channels / out.width % out.height);
    const size_t image = i / in.channels / out.width / out.height;
    std::vector<Value> window;
    for (int tap = 0; tap < description.side * description.side; ++tap) {
      const int row =
          y * description.stride_height - top + tap / description.side;
      const int column =
          x * description.stride_width - left + tap % description.side;
      if (row < 0 || row >= in.height || column < 0 || column >= in.width) {
        continue;
      }
      const size_t pixel = (image * in.height + row) * in.width + column;
      window.push_back(input[pixel * in.channels + channel]);
    }
    values[i] = OutputOf(description.kind, window);
  }
  return values;
}

// Averages are multiplied instead of divided.
void ExpectAlike(const std::vector<float>& actual,
                 const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], 1e-6) << "value " << i;
  }
}

void ExpectAlike(const std::vector<int8_t>& actual,
                 const std::vector<int8_t>& expected) {
  EXPECT_EQ(actual, expected);
}

class PoolTest : public testing::TestWithParam<NamedKernel<PoolKernel>> {
 protected:
  static PoolDescription Averages(int side, int channels) {
    PoolDescription description;
    description.kind = PoolKind::kAverage;
    description.side = side;
    description.channels = channels;
    return description;
  }

  template <typename Value>
  void Check(const PoolDescription& description, const ActivationShape& in,
             const std::vector<Value>& input) const {
    SCOPED_TRACE(testing::Message()
                 << in.batch << "x" << in.height << "x" << in.width << "x"
                 << in.channels << ", side " << description.side << ", stride "
                 << description.stride_height << "x"
                 << description.stride_width);
    const auto pool = CreatePool(description, *GetParam().kernel);
    ASSERT_TRUE(pool->Resize({in}).ok());
    ExpectAlike(GuardedRun(*pool, input),
                Expected(description, in, pool->output_shape(), input));
  }

  // Both types, on random inputs.
  void Check(PoolDescription description, const ActivationShape& in) const {
    description.channels = in.channels;
    description.type = DataType::kInt8;
    Check(description, in, RandomInt8(ValuesOf(in), in.height));
    description.type = DataType::kFloat32;
    Check(description, in, RandomFloat(ValuesOf(in), in.height));
  }

  // The outputs of one window of 2x2 pixels of these values, in all channels.
  template <typename Value>
  std::vector<Value> OfOneWindow(PoolDescription description,
                                 const std::vector<Value>& pixels) const {
    description.channels = 64;
    std::vector<Value> input;
    for (Value pixel : pixels) input.insert(input.end(), 64, pixel);
    const auto pool = CreatePool(description, *GetParam().kernel);
    EXPECT_TRUE(pool->Resize({{1, 2, 2, 64}}).ok());
    return GuardedRun(*pool, input);
  }
};

TEST_P(PoolTest, EveryWindowCounts) {
  const int least = GetParam().kernel->bytes;
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    for (const int side : {2, 3}) {
      for (const Padding padding : {Padding::kSame, Padding::kValid}) {
        for (const int stride : {1, 2, 3}) {
          for (const int size : {3, 4, 7, 8}) {
            for (const int channels : {least, least + 1, 2 * least + 7}) {
              PoolDescription description;
              description.kind = kind;
              description.side = side;
              description.padding = padding;
              description.stride_height = stride;
              description.stride_width = 1 + size % 3;
              Check(description, {1, size, size + 1, channels});
            }
          }
        }
      }
    }
  }
}

TEST_P(PoolTest, AveragesOfLargeWindows) {
  const int channels = 4 * GetParam().kernel->bytes + 3;
  for (const int side : {4, 7, 8, 19}) {
    for (const Padding padding : {Padding::kSame, Padding::kValid}) {
      PoolDescription description = Averages(side, channels);
      description.padding = padding;
      description.stride_height = 1;
      description.stride_width = 3;
      Check(description, {2, side + 1, side, channels});
    }
  }
}

TEST_P(PoolTest, AnImageSmallerThanItsWindow) {
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    PoolDescription description;
    description.kind = kind;
    description.side = 3;
    description.padding = Padding::kSame;
    Check(description, {2, 1, 2, 64});
  }
}

// Windows with an odd number of pixels have no halves.
TEST_P(PoolTest, HalvesAreRoundedAwayFromZero) {
  for (const int side : {2, 4, 6, 16}) {
    const int pixels = side * side;
    PoolDescription description = Averages(side, 64);
    description.type = DataType::kInt8;
    const ActivationShape in = {1, side, side * 256, 64};
    description.stride_width = side;
    // Window x is full of x - 128, or one more in some of its pixels: the more,
    // the higher the channel.
    std::vector<int8_t> input(ValuesOf(in));
    for (size_t i = 0; i < input.size(); ++i) {
      const int channel = static_cast<int>(i % 64);
      const int column = static_cast<int>(i / 64 % in.width);
      const int row = static_cast<int>(i / 64 / in.width);
      const int place = row * side + column % side;
      const bool is_one_more = place < channel * pixels / 63;
      input[i] = static_cast<int8_t>(
          std::min(column / side - 128 + (is_one_more ? 1 : 0), 127));
    }
    Check(description, in, input);
  }
}

// As many as 16 bits could not sum.
TEST_P(PoolTest, ExtremesDoNotOverflow) {
  for (const int8_t value : {-128, 127}) {
    PoolDescription description = Averages(40, 64);
    description.type = DataType::kInt8;
    const ActivationShape in = {1, 40, 40, 64};
    Check(description, in, std::vector<int8_t>(ValuesOf(in), value));
  }
}

TEST_P(PoolTest, ActivationsClamp) {
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    PoolDescription description;
    description.kind = kind;
    description.activation = Activation::kRelu6;
    const auto output_of = [&](auto value) {
      return OfOneWindow(description, std::vector(4, value));
    };
    EXPECT_THAT(output_of(-3.0f), Each(0.0f));
    EXPECT_THAT(output_of(2.5f), Each(2.5f));
    EXPECT_THAT(output_of(7.0f), Each(6.0f));
    description.type = DataType::kInt8;
    description.quantization.scale = 0.1f;
    description.quantization.zero_point = -20;
    EXPECT_THAT(output_of(int8_t{-128}), Each(-20));
    EXPECT_THAT(output_of(int8_t{7}), Each(7));
    EXPECT_THAT(output_of(int8_t{100}), Each(40));
  }
}

TEST_P(PoolTest, WhatIsNoNumber) {
  for (int pixel = 0; pixel < 4; ++pixel) {
    std::vector<float> pixels(4, 1.5f);
    pixels[pixel] = kNan;
    PoolDescription description;
    EXPECT_THAT(OfOneWindow(description, pixels), Each(1.5f));
    description.kind = PoolKind::kAverage;
    EXPECT_THAT(OfOneWindow(description, pixels), Each(testing::IsNan()));
  }
}

TEST_P(PoolTest, RangesOfRowsGiveTheSame) {
  const ActivationShape in = {2, 13, 9, 80};
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    PoolDescription description;
    description.kind = kind;
    description.channels = 80;
    description.side = 3;
    description.padding = Padding::kSame;
    for (int threads : {1, 2, 3}) {
      Status status;
      const auto workers = ThreadPool::Create(threads, &status);
      ASSERT_TRUE(status.ok());
      description.type = DataType::kFloat32;
      auto pool = CreatePool(description, *GetParam().kernel);
      ASSERT_TRUE(pool->Resize({in}).ok());
      ExpectRangesGiveTheWhole(*pool,
                               {{in, BytesOf(RandomFloat(ValuesOf(in), 1))}},
                               sizeof(float), threads, workers.get());
      description.type = DataType::kInt8;
      pool = CreatePool(description, *GetParam().kernel);
      ASSERT_TRUE(pool->Resize({in}).ok());
      ExpectRangesGiveTheWhole(*pool,
                               {{in, BytesOf(RandomInt8(ValuesOf(in), 1))}}, 1,
                               threads, workers.get());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pool, PoolTest,
                         testing::ValuesIn(NamedKernels(
                             native::kPoolKernels, emulated::kPoolKernels)),
                         [](const auto& info) { return info.param.name; });

TEST(CreatePoolTest, ShortVectorsRunWhatLongOnesCannot) {
  if ((CpuFeatures() & kAvx2) == 0) GTEST_SKIP() << "no kernel runs here";
  PoolDescription description;
  description.type = DataType::kInt8;
  description.channels = 32;
  Status status;
  const auto pool = CreatePool(description, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_STREQ(pool->kernel_name(), "pool-avx2");
}

TEST(CreatePoolTest, WhatHasNoKernelIsRefused) {
  const auto refusal = [](const PoolDescription& description) {
    Status status;
    EXPECT_EQ(CreatePool(description, &status), nullptr);
    return std::string(status.message());
  };
  PoolDescription description;
  description.channels = 64;
  description.side = 4;
  EXPECT_THAT(refusal(description), HasSubstr("4x4; accepted are 2x2 and 3x3"));
  description.kind = PoolKind::kAverage;
  for (const int side : {1, 1025}) {
    description.side = side;
    EXPECT_THAT(refusal(description), HasSubstr("accepted are 2x2 to 1024x"));
  }
  description.side = 2;
  description.channels = 3;
  EXPECT_THAT(refusal(description), HasSubstr("3 channels"));
  description.channels = 64;
  description.type = DataType::kInt8;
  description.quantization.scale = 0.0f;
  EXPECT_THAT(refusal(description), HasSubstr("scale of the input is 0"));
}

}  // namespace
}  // namespace tf_pconv
