// Every int8 kernel of the list against the reference, which is exact.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "delegate/core/int8/conv.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/int8/patch.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/core/reference.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_buffer.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using Kernel = KernelUnderTest<Int8Kernel>;

enum class Inputs { kRandom, kLargest, kSmallest };

struct Case {
  RandomConvOptions conv;
  ActivationShape input;
  Inputs inputs = Inputs::kRandom;

  std::string Describe() const {
    std::ostringstream text;
    text << "seed " << conv.seed << ": input " << input.batch << "x"
         << input.height << "x" << input.width << "x" << input.channels
         << ", filters " << conv.filters << ", group size " << conv.group_size
         << ", compression " << conv.compression << ", stride "
         << conv.stride_height << "x" << conv.stride_width << ", "
         << (conv.padding == Padding::kSame ? "SAME" : "VALID")
         << ", activation " << static_cast<int>(conv.activation)
         << (conv.unbalanced ? ", unbalanced" : "")
         << (conv.extreme_weights ? ", extreme weights" : "") << ", inputs "
         << static_cast<int>(inputs);
    return text.str();
  }
};

size_t Count(const ActivationShape& shape) {
  return size_t(shape.batch) * shape.height * shape.width * shape.channels;
}

std::vector<int8_t> MakeInputs(const Case& test) {
  const size_t count = Count(test.input);
  switch (test.inputs) {
    case Inputs::kRandom:
      return RandomInt8(count, test.conv.seed);
    case Inputs::kLargest:
      return std::vector<int8_t>(count, 127);
    case Inputs::kSmallest:
      return std::vector<int8_t>(count, -128);
  }
  return {};
}

// A case whose features vary with `seed`, each at its own rate.
Case MakeCase(int side, int channels, uint32_t seed) {
  Case test;
  RandomConvOptions& conv = test.conv;
  conv.seed = seed;
  conv.channels = channels;
  conv.filters = 1 + seed * 7 % 41;
  constexpr int kGroupSizes[] = {1, 2, 3, 4, 5, 8, 11, 16};
  conv.group_size = kGroupSizes[seed % 8];
  conv.compression = seed % 3 == 0 ? 2.25 : 8.0;
  conv.stride_height = 1 + (seed / 2) % 2;
  conv.stride_width = seed % 7 == 0 ? 1 : conv.stride_height;
  conv.padding = side >= 3 && seed % 5 < 2 ? Padding::kValid : Padding::kSame;
  conv.activation = static_cast<Activation>(seed % 4);
  conv.bias = seed % 6 != 0;
  conv.unbalanced = seed % 4 == 1;
  conv.extreme_weights = seed % 5 == 1;
  conv.deviation = seed % 2 == 0 ? 40 : 80;
  test.input = {1 + static_cast<int>(seed) % 2, side,
                side + static_cast<int>(seed) % 3, channels};
  test.inputs = static_cast<Inputs>(seed % 7 < 2 ? 1 + seed % 2 : 0);
  return test;
}

// Sides and channels on their own axes, everything else in between.
std::vector<Case> Grid() {
  std::vector<Case> cases;
  uint32_t seed = 0;
  for (int side : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}) {
    for (int channels : {1, 5, 16, 33}) {
      cases.push_back(MakeCase(side, channels, seed++));
    }
  }
  for (int channels = 1; channels <= 260; channels += channels < 36 ? 1 : 28) {
    cases.push_back(MakeCase(1 + channels % 5, channels, seed++));
  }
  cases.push_back(MakeCase(31, 17, seed++));
  cases.push_back(MakeCase(64, 19, seed++));
  cases.push_back(MakeCase(63, 3, seed++));
  // More channels than one pass over the weights takes.
  cases.push_back(MakeCase(2, 2100, seed++));
  cases.push_back(MakeCase(3, 1039, seed++));
  // The largest tiles leave five channels to the last pass.
  cases.push_back(MakeCase(2, 485, seed++));
  cases.back().conv.stride_height = cases.back().conv.stride_width = 2;
  // Rows of 16-bit sums at their limits.
  for (Inputs inputs : {Inputs::kLargest, Inputs::kSmallest}) {
    for (int group_size : {1, 2, 4, 8}) {
      Case test = MakeCase(4, 40, seed++);
      test.conv.group_size = group_size;
      test.conv.extreme_weights = true;
      test.conv.unbalanced = false;
      test.conv.compression = 2.25;
      test.inputs = inputs;
      cases.push_back(test);
    }
  }
  return cases;
}

// Whether one of the kernels runs strides like these: wide blocks have one
// only.
bool Computes(const std::vector<const Int8Kernel*>& kernels,
              const RandomConvOptions& conv) {
  return std::any_of(
      kernels.begin(), kernels.end(), [&](const Int8Kernel* kernel) {
        return RunsStrides(*kernel, conv.stride_height, conv.stride_width);
      });
}

// Runs the convolution on guarded memory and compares it with the reference.
void ExpectEqualToReference(const Case& test,
                            const std::vector<const Int8Kernel*>& kernels,
                            ThreadPool* pool) {
  SCOPED_TRACE(test.Describe());
  if (!Computes(kernels, test.conv)) return;
  const RandomConv conv(test.conv);
  const auto reference = CreateReferenceConv(conv.description());
  const auto tested = CreateInt8Conv(conv.description(), kernels);
  ASSERT_TRUE(reference->Resize(test.input).ok());
  ASSERT_TRUE(tested->Resize(test.input).ok());
  const size_t count = Count(reference->output_shape());
  ASSERT_EQ(count, Count(tested->output_shape()));

  const std::vector<int8_t> values = MakeInputs(test);
  const int threads = pool == nullptr ? 1 : pool->threads();
  GuardedBuffer input(values.size()), output(count);
  GuardedBuffer workspace(tested->WorkspaceBytes(threads));
  std::memcpy(input.data(), values.data(), values.size());
  std::vector<int8_t> expected(count);
  reference->Run(values.data(), expected.data(), nullptr, nullptr);
  tested->Run(input.data(), output.data(), workspace.data(), pool);

  const int8_t* actual = reinterpret_cast<const int8_t*>(output.data());
  for (size_t i = 0; i < count; ++i) {
    ASSERT_EQ(actual[i], expected[i]) << "output " << i << " of " << count;
  }
  EXPECT_TRUE(output.FrontIntact());
  EXPECT_TRUE(workspace.FrontIntact());
}

// Runs the convolution a few rows at a time.
void ExpectAnyRanges(const Case& test,
                     const std::vector<const Int8Kernel*>& kernels,
                     ThreadPool* pool) {
  SCOPED_TRACE(test.Describe());
  if (!Computes(kernels, test.conv)) return;
  const RandomConv conv(test.conv);
  const auto tested = CreateInt8Conv(conv.description(), kernels);
  ASSERT_TRUE(tested->Resize(test.input).ok());
  ExpectRangesGiveTheWhole(*tested, test.input, {BytesOf(MakeInputs(test))},
                           sizeof(int8_t), test.conv.seed, pool);
}

class Int8KernelTest : public testing::TestWithParam<Kernel> {};

TEST_P(Int8KernelTest, EqualsReference) {
  for (const Case& test : Grid()) {
    ExpectEqualToReference(test, {GetParam().kernel}, nullptr);
    if (HasFailure()) return;
  }
}

// Also those that no int32 holds.
TEST_P(Int8KernelTest, OutputsFarOutsideTheRangeAreClamped) {
  for (uint32_t seed : {1, 2, 4}) {
    for (float output_scale : {1e-5f, 1e-12f}) {
      Case test = MakeCase(9, 33, seed);
      test.conv.output_scale = output_scale;
      ExpectEqualToReference(test, {GetParam().kernel}, nullptr);
    }
  }
}

TEST_P(Int8KernelTest, ThreadsShareTheTiles) {
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int side : {1, 7, 20}) {
    ExpectEqualToReference(MakeCase(side, 20, side), {GetParam().kernel},
                           pool.get());
  }
}

TEST_P(Int8KernelTest, AnyRangesOfRowsGiveTheWhole) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    ExpectAnyRanges(MakeCase(5 + seed * 3 % 17, 7 + seed, seed),
                    {GetParam().kernel}, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(List, Int8KernelTest,
                         testing::ValuesIn(KernelsUnderTest(
                             native::kInt8Kernels, emulated::kInt8Kernels)),
                         [](const auto& info) { return info.param.Name(); });

// As the library uses kernels: large tiles, and smaller ones for the rest.
TEST(Int8ConvTest, TilesOfSeveralSizesEqualReference) {
  Status status;
  const auto pool = ThreadPool::Create(2, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int group_size : {1, 2, 4, 8, 16}) {
    const auto kernels =
        FastestInt8Kernels(emulated::kInt8Kernels, ~0u, group_size);
    ASSERT_FALSE(kernels.empty());
    // 24: blocks of 4x8 fit.
    for (int side : {1, 3, 6, 13, 24}) {
      Case test = MakeCase(side, 24, side);
      test.conv.group_size = group_size;
      ExpectEqualToReference(test, kernels, nullptr);
      ExpectEqualToReference(test, kernels, pool.get());
      ExpectAnyRanges(test, kernels, pool.get());
    }
  }
}

// 4x8 outputs in one vector of inputs.
TEST(Int8ConvTest, WideBlocksRunWhereTheyFit) {
  for (int group_size : {1, 2, 4, 8}) {
    RandomConvOptions options;
    options.channels = options.filters = 256;
    options.group_size = group_size;
    const RandomConv conv(options);
    const auto tested = CreateInt8Conv(
        conv.description(),
        FastestInt8Kernels(emulated::kInt8Kernels, ~0u, group_size));
    const auto block_rows = [&](int height, int width) {
      EXPECT_TRUE(tested->Resize({1, height, width, options.channels}).ok());
      return tested->row_unit();
    };
    EXPECT_EQ(block_rows(16, 16), 4);
    EXPECT_EQ(block_rows(56, 56), 4);
    EXPECT_EQ(block_rows(6, 6), 2);
    EXPECT_EQ(block_rows(7, 7), 4);
    EXPECT_EQ(block_rows(28, 28), 2);
    EXPECT_EQ(block_rows(14, 14), 2);
  }
}

TEST(Int8ConvTest, ResizesAgain) {
  const auto kernels = FastestInt8Kernels(emulated::kInt8Kernels, ~0u, 4);
  RandomConvOptions options;
  const RandomConv conv(options);
  const auto reference = CreateReferenceConv(conv.description());
  const auto tested = CreateInt8Conv(conv.description(), kernels);
  for (int side : {5, 24, 2, 9}) {
    const ActivationShape shape = {1, side, side, options.channels};
    ASSERT_TRUE(reference->Resize(shape).ok());
    ASSERT_TRUE(tested->Resize(shape).ok());
    const size_t count = Count(tested->output_shape());
    const std::vector<int8_t> input = RandomInt8(Count(shape), side);
    std::vector<int8_t> expected(count), actual(count);
    GuardedBuffer workspace(tested->WorkspaceBytes(1));
    reference->Run(input.data(), expected.data(), nullptr, nullptr);
    tested->Run(input.data(), actual.data(), workspace.data(), nullptr);
    EXPECT_EQ(actual, expected) << "side " << side;
  }
}

}  // namespace
}  // namespace tf_pconv
