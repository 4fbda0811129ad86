// Means of images on the kernels of the list.

#include "delegate/core/pool/mean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

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

// Sums of each channel of each image.
template <typename Value>
std::vector<double> Sums(const ActivationShape& in,
                         const std::vector<Value>& input) {
  const size_t image = size_t(in.height) * in.width * in.channels;
  std::vector<double> sums(in.batch * in.channels, 0.0);
  for (size_t i = 0; i < input.size(); ++i) {
    sums[i / image * in.channels + i % in.channels] += input[i];
  }
  return sums;
}

class MeanTest : public testing::TestWithParam<NamedKernel<PoolKernel>> {
 protected:
  std::unique_ptr<Operator> Create(MeanDescription description,
                                   const ActivationShape& in) const {
    description.channels = in.channels;
    auto mean = CreateMean(description, *GetParam().kernel);
    EXPECT_TRUE(mean->Resize({in}).ok());
    EXPECT_EQ(mean->output_shape(),
              (ActivationShape{in.batch, 1, 1, in.channels}));
    return mean;
  }

  // Images of all sizes, with channels that are no multiple of anything.
  std::vector<ActivationShape> Shapes() const {
    const int least = GetParam().kernel->bytes;
    return {{1, 1, 1, least},          {1, 4, 4, least + 1},
            {2, 7, 7, 4 * least + 3},  {3, 5, 3, 300},
            {1, 16, 17, 2 * least},    {2, 8, 8, 512},
            {1, 40, 33, 3 * least + 2}};
  }
};

TEST_P(MeanTest, Int8IsTheRoundedMean) {
  struct Case {
    Quantization input, output;
  };
  for (const Case& given :
       {Case{{1.0f, 0}, {1.0f, 0}}, Case{{1.0f, -128}, {1.0f, -128}},
        Case{{0.1f, 3}, {0.1f, 3}}, Case{{0.1f, -7}, {0.037f, 11}},
        Case{{0.02f, 127}, {0.5f, -128}}, Case{{300.0f, 5}, {1.0f, 0}},
        Case{{0.5f, 10}, {1.0f, -20}}}) {
    MeanDescription description;
    description.type = DataType::kInt8;
    description.input = given.input;
    description.output = given.output;
    for (const ActivationShape& in : Shapes()) {
      const auto input = RandomInt8(ValuesOf(in), in.width);
      const auto outputs = GuardedRun(*Create(description, in), input);
      const std::vector<double> sums = Sums(in, input);
      const int pixels = in.height * in.width;
      for (size_t i = 0; i < outputs.size(); ++i) {
        const double exact = (sums[i] - pixels * given.input.zero_point) *
                             given.input.scale / given.output.scale / pixels;
        const double expected =
            std::clamp(exact + given.output.zero_point, -128.0, 127.0);
        ASSERT_LE(std::abs(outputs[i] - expected), 0.5001);
      }
    }
  }
}

TEST_P(MeanTest, HalvesAreRoundedAwayFromTheZeroPoint) {
  MeanDescription description;
  description.type = DataType::kInt8;
  description.input.scale = description.output.scale = 0.1f;
  description.input.zero_point = description.output.zero_point = 3;
  const ActivationShape in = {1, 2, 2, 64};
  std::vector<int8_t> input(ValuesOf(in), 3);
  for (int channel = 0; channel < 64; ++channel) {
    input[channel] = static_cast<int8_t>(3 + channel - 32);
  }
  const auto outputs = GuardedRun(*Create(description, in), input);
  for (int channel = 0; channel < 64; ++channel) {
    EXPECT_EQ(outputs[channel], 3 + std::round((channel - 32) / 4.0));
  }
}

TEST_P(MeanTest, FloatIsTheMean) {
  for (const ActivationShape& in : Shapes()) {
    const auto input = RandomFloat(ValuesOf(in), in.width);
    const auto outputs = GuardedRun(*Create(MeanDescription(), in), input);
    const std::vector<double> sums = Sums(in, input);
    for (size_t i = 0; i < outputs.size(); ++i) {
      ASSERT_NEAR(outputs[i], sums[i] / (in.height * in.width), 1e-6);
    }
  }
}

// As many as 16 bits could not sum.
TEST_P(MeanTest, ExtremesDoNotOverflow) {
  MeanDescription description;
  description.type = DataType::kInt8;
  const ActivationShape in = {1, 300, 200, 64};
  const auto mean = Create(description, in);
  for (const int8_t value : {-128, 127}) {
    const std::vector<int8_t> input(ValuesOf(in), value);
    EXPECT_THAT(GuardedRun(*mean, input), Each(value));
  }
}

TEST_P(MeanTest, NoNumbersStay) {
  const ActivationShape in = {1, 2, 2, 64};
  std::vector<float> input(ValuesOf(in), 1.5f);
  input[2 * 64] = std::numeric_limits<float>::quiet_NaN();
  input[3 * 64 + 1] = std::numeric_limits<float>::infinity();
  const auto outputs = GuardedRun(*Create(MeanDescription(), in), input);
  EXPECT_TRUE(std::isnan(outputs[0]));
  EXPECT_EQ(outputs[1], std::numeric_limits<float>::infinity());
  EXPECT_EQ(outputs[2], 1.5f);
}

// Threads share channels; images have many, or fewer than a thread takes.
TEST_P(MeanTest, AnyNumberOfThreadsGivesTheSame) {
  const int least = GetParam().kernel->bytes;
  for (int threads : {1, 2, 5}) {
    Status status;
    const auto workers = ThreadPool::Create(threads, &status);
    ASSERT_TRUE(status.ok());
    for (const int channels : {least, 1500}) {
      const ActivationShape in = {3, 35, 7, channels};
      MeanDescription description;
      const auto of_floats = Create(description, in);
      ExpectRangesGiveTheWhole(*of_floats,
                               {{in, BytesOf(RandomFloat(ValuesOf(in), 1))}},
                               sizeof(float), threads, workers.get());
      description.type = DataType::kInt8;
      const auto input = RandomInt8(ValuesOf(in), 1);
      const auto mean = Create(description, in);
      ExpectRangesGiveTheWhole(*mean, {{in, BytesOf(input)}}, 1, threads,
                               workers.get());
      std::vector<int8_t> shared(3 * channels);
      const void* inputs[] = {input.data()};
      mean->RunRows(inputs, shared.data(), {0, 1}, nullptr, workers.get(),
                    nullptr);
      EXPECT_EQ(shared, GuardedRun(*mean, input));
    }
  }
}

TEST_P(MeanTest, DependsOnAllRows) {
  const auto mean = Create(MeanDescription(), {1, 9, 4, 64});
  const RowRange rows = mean->InputRows(0, {0, 1});
  EXPECT_EQ(rows.begin, 0);
  EXPECT_EQ(rows.end, 9);
}

TEST_P(MeanTest, InputsThatCannotBeAreRefused) {
  MeanDescription description;
  description.channels = 64;
  const auto mean = CreateMean(description, *GetParam().kernel);
  EXPECT_THAT(mean->Resize({{1, 2, 2, 65}}).message(),
              HasSubstr("65 channels; expected are 64"));
  EXPECT_THAT(mean->Resize({{1, 4096, 2049, 64}}).message(),
              HasSubstr("4096x2049 pixels"));
}

INSTANTIATE_TEST_SUITE_P(Mean, MeanTest,
                         testing::ValuesIn(NamedKernels(
                             native::kPoolKernels, emulated::kPoolKernels)),
                         [](const auto& info) { return info.param.name; });

TEST(CreateMeanTest, WhatHasNoKernelIsRefused) {
  const auto refusal = [](const MeanDescription& description) {
    Status status;
    EXPECT_EQ(CreateMean(description, &status), nullptr);
    return std::string(status.message());
  };
  MeanDescription description;
  description.type = DataType::kInt8;
  description.channels = 5;
  EXPECT_THAT(refusal(description), HasSubstr("5 channels"));
  description.channels = 64;
  description.output.scale = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(description), HasSubstr("scale of the output is inf"));
  description.output.scale = 1.0f;
  description.input.scale = 513.0f;
  EXPECT_THAT(refusal(description), HasSubstr("513 times"));
  description.input.scale = 1.0f;
  description.input.zero_point = 128;
  EXPECT_THAT(refusal(description), HasSubstr("zero point of the input"));
}

}  // namespace
}  // namespace tf_pconv
