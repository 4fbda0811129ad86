#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/float/conv.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/float_check.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"
#include "gtest/gtest.h"

namespace tf_pconv {
namespace {

constexpr uint32_t kSeed = 20261121;

using Kernels = std::vector<const FloatKernel*>;

struct Case {
  RandomConvOptions conv;
  int batch = 1;
  int height = 8;
  int width = 8;
};

Case MakeCase(int filters, int channels, int group_size, int height,
              int width) {
  Case result;
  result.conv.type = DataType::kFloat32;
  result.conv.filters = filters;
  result.conv.channels = channels;
  result.conv.group_size = group_size;
  result.conv.compression = 4.0;
  result.conv.seed = kSeed;
  result.height = height;
  result.width = width;
  return result;
}

// Runs a convolution with `kernels` and with the reference.
void Check(const RandomConv& conv, const ActivationShape& shape,
           const std::vector<float>& input, const Kernels& kernels) {
  const auto tested = CreateFloatConv(conv.description(), kernels);
  ExpectNearReference(conv.description(), tested.get(), shape, input);
}

void Check(const Case& test, const Kernels& kernels) {
  SCOPED_TRACE(::testing::Message()
               << "filters " << test.conv.filters << ", channels "
               << test.conv.channels << ", group size " << test.conv.group_size
               << ", input " << test.batch << "x" << test.height << "x"
               << test.width << ", strides " << test.conv.stride_height << "x"
               << test.conv.stride_width << ", "
               << (test.conv.padding == Padding::kSame ? "SAME" : "VALID")
               << ", seed " << test.conv.seed);
  RandomConv conv(test.conv);
  // Any pattern, not only those of a library.
  std::mt19937 random(test.conv.seed);
  for (uint16_t& pattern : conv.weights().patterns) {
    do {
      pattern = random() & 0x1ff;
    } while (__builtin_popcount(pattern) != kPatternEntries);
  }
  const ActivationShape shape = {test.batch, test.height, test.width,
                                 test.conv.channels};
  const size_t size =
      size_t(test.batch) * test.height * test.width * test.conv.channels;
  Check(conv, shape, RandomFloat(size, test.conv.seed), kernels);
}

class FloatKernelTest
    : public ::testing::TestWithParam<KernelUnderTest<FloatKernel>> {
 protected:
  const FloatKernel& kernel() const { return *GetParam().kernel; }
  Kernels kernels() const { return {&kernel()}; }
};

// Sides of one pixel to more than a strip, strides and paddings.
TEST_P(FloatKernelTest, MatchesReferenceOnAllGeometries) {
  constexpr int kSides[][2] = {{1, 1},  {1, 7},   {5, 1},  {3, 3},  {4, 16},
                               {7, 17}, {15, 15}, {16, 8}, {13, 33}};
  for (const auto& sides : kSides) {
    for (int stride = 1; stride <= 2; ++stride) {
      for (Padding padding : {Padding::kSame, Padding::kValid}) {
        if (padding == Padding::kValid && std::min(sides[0], sides[1]) < 3) {
          continue;
        }
        Case test = MakeCase(5, 6, kernel().group_size, sides[0], sides[1]);
        test.conv.stride_height = test.conv.stride_width = stride;
        test.conv.padding = padding;
        Check(test, kernels());
      }
    }
  }
}

TEST_P(FloatKernelTest, MatchesReferenceOnMixedStrides) {
  for (int stride = 1; stride <= 2; ++stride) {
    Case test = MakeCase(3, 4, kernel().group_size, 9, 10);
    test.conv.stride_height = stride;
    test.conv.stride_width = 3 - stride;
    test.batch = 3;
    Check(test, kernels());
  }
}

// Counts that fill no vector, and several blocks of channels.
TEST_P(FloatKernelTest, MatchesReferenceOnAllChannelCounts) {
  constexpr int kCounts[][2] = {{1, 1},   {1, 40},  {16, 1}, {17, 15},
                                {32, 64}, {37, 33}, {9, 260}};
  for (const auto& counts : kCounts) {
    Check(MakeCase(counts[0], counts[1], kernel().group_size, 6, 9), kernels());
  }
}

// Groups that the kernel's own group size does not divide, and such that keep
// nothing at all.
TEST_P(FloatKernelTest, MatchesReferenceOnAllGroupSizes) {
  for (int group_size : {1, 2, 3, 4, 5, 8, 11, 16}) {
    Case test = MakeCase(19, 12, group_size, 5, 6);
    test.conv.unbalanced = true;
    Check(test, kernels());
  }
}

TEST_P(FloatKernelTest, MatchesReferenceOnAllActivations) {
  for (Activation activation : {Activation::kNone, Activation::kRelu,
                                Activation::kReluN1To1, Activation::kRelu6}) {
    for (bool bias : {false, true}) {
      Case test = MakeCase(18, 20, kernel().group_size, 6, 7);
      test.conv.activation = activation;
      test.conv.bias = bias;
      Check(test, kernels());
    }
  }
}

// What is not a number spreads to the outputs whose windows see it, no further.
TEST_P(FloatKernelTest, KeepsNanInItsWindow) {
  const Case test = MakeCase(6, 3, kernel().group_size, 9, 9);
  const RandomConv conv(test.conv);
  for (int pixel : {0, 8, 40, 80}) {
    std::vector<float> input = RandomFloat(9 * 9 * 3, kSeed);
    input[pixel * 3 + 1] = std::numeric_limits<float>::quiet_NaN();
    input[pixel * 3 + 2] = std::numeric_limits<float>::infinity();
    Check(conv, {1, 9, 9, 3}, input, kernels());
  }
}

TEST_P(FloatKernelTest, GivesTheSameOnThreads) {
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  const Case test = MakeCase(10, 8, kernel().group_size, 17, 18);
  const RandomConv conv(test.conv);
  const ActivationShape shape = {2, 17, 18, 8};
  const std::vector<float> input = RandomFloat(2 * 17 * 18 * 8, kSeed);
  const auto tested = CreateFloatConv(conv.description(), kernels());
  const std::vector<float> alone = RunFloat(tested.get(), shape, input);
  EXPECT_EQ(RunFloat(tested.get(), shape, input, pool.get()), alone);
}

TEST_P(FloatKernelTest, AnyRangesOfRowsGiveTheWhole) {
  Status status;
  const auto pool = ThreadPool::Create(2, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const int height = 5 + seed * 3 % 17;
    const int width = 4 + seed * 5 % 30;
    Case test = MakeCase(7, 6, kernel().group_size, height, width);
    test.conv.stride_height = 1 + seed % 2;
    test.conv.stride_width = 1 + seed / 2 % 2;
    test.conv.padding = seed % 3 == 0 ? Padding::kValid : Padding::kSame;
    const RandomConv conv(test.conv);
    const auto tested = CreateFloatConv(conv.description(), kernels());
    const ActivationShape shape = {1 + static_cast<int>(seed) % 2, height,
                                   width, 6};
    ASSERT_TRUE(tested->Resize(shape).ok());
    const std::vector<float> input =
        RandomFloat(size_t(shape.batch) * height * width * 6, seed);
    ExpectRangesGiveTheWhole(*tested, shape, {BytesOf(input)}, sizeof(float),
                             seed, seed % 2 == 0 ? nullptr : pool.get());
  }
}

TEST_P(FloatKernelTest, RunsAgainAfterResize) {
  const Case test = MakeCase(4, 5, kernel().group_size, 1, 1);
  const RandomConv conv(test.conv);
  const auto reused = CreateFloatConv(conv.description(), kernels());
  for (int side : {12, 3, 20}) {
    const ActivationShape shape = {1, side, side, 5};
    const std::vector<float> input = RandomFloat(side * side * 5, kSeed);
    const auto fresh = CreateFloatConv(conv.description(), kernels());
    EXPECT_EQ(RunFloat(reused.get(), shape, input),
              RunFloat(fresh.get(), shape, input));
  }
}

// However long rows are, only strips of them are packed.
TEST_P(FloatKernelTest, WideImagesTakeLittleMemory) {
  constexpr int kChannels = 64;
  const Case test = MakeCase(4, kChannels, kernel().group_size, 3, 9000);
  const RandomConv conv(test.conv);
  const auto tested = CreateFloatConv(conv.description(), kernels());
  ASSERT_TRUE(tested->Resize({1, 3, 9000, kChannels}).ok());
  EXPECT_LT(tested->WorkspaceBytes(1), 1u << 20);
}

INSTANTIATE_TEST_SUITE_P(List, FloatKernelTest,
                         ::testing::ValuesIn(KernelsUnderTest(
                             native::kFloatKernels, emulated::kFloatKernels)),
                         [](const auto& info) { return info.param.Name(); });

// Among the tiles of an instruction set one is chosen for each shape.
TEST(FloatConvTest, MatchesReferenceOnRandomConvolutions) {
  std::mt19937 random(kSeed);
  const auto uniform = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int i = 0; i < 60; ++i) {
    Case test = MakeCase(uniform(1, 40), uniform(1, 60), uniform(1, 17),
                         uniform(3, 40), uniform(3, 64));
    test.conv.seed = random();
    test.conv.compression = uniform(0, 1) == 0 ? 2.25 : 8.0;
    test.conv.unbalanced = uniform(0, 1) == 0;
    test.conv.stride_height = uniform(1, 2);
    test.conv.stride_width = uniform(1, 2);
    test.conv.padding = uniform(0, 1) == 0 ? Padding::kSame : Padding::kValid;
    test.batch = uniform(1, 2);
    for (uint32_t features : {uint32_t{kAvx2}, CpuFeatures()}) {
      const Kernels kernels =
          FastestKernels(native::kFloatKernels, features & CpuFeatures(),
                         test.conv.group_size);
      if (!kernels.empty()) Check(test, kernels);
    }
  }
}

}  // namespace
}  // namespace tf_pconv
