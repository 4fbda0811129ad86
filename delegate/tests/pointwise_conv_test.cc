// Every kernel of 1x1 convolutions against the reference, which is exact.

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "delegate/core/pointwise/int8_conv.h"
#include "delegate/core/pointwise/kernel_table.h"
#include "delegate/core/reference.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_buffer.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using Kernel = KernelUnderTest<PointwiseKernel>;

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
         << conv.stride_height << "x" << conv.stride_width << ", activation "
         << static_cast<int>(conv.activation)
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
  conv.kernel_side = 1;
  conv.seed = seed;
  conv.channels = channels;
  conv.filters = 1 + seed * 7 % 41;
  constexpr int kGroupSizes[] = {1, 2, 3, 4, 5, 8, 11, 16};
  conv.group_size = kGroupSizes[seed % 8];
  conv.compression = seed % 3 == 0 ? 1 : 4;
  conv.stride_height = 1 + (seed / 2) % 2;
  conv.stride_width = seed % 7 == 0 ? 1 : conv.stride_height;
  conv.padding = seed % 5 < 2 ? Padding::kValid : Padding::kSame;
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
  for (int side : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17}) {
    for (int channels : {1, 5, 16, 33}) {
      cases.push_back(MakeCase(side, channels, seed++));
    }
  }
  for (int channels = 1; channels <= 260; channels += channels < 36 ? 1 : 28) {
    cases.push_back(MakeCase(1 + channels % 5, channels, seed++));
  }
  cases.push_back(MakeCase(2, 2100, seed++));
  // Sums in 16 bits at their limits.
  for (Inputs inputs : {Inputs::kLargest, Inputs::kSmallest}) {
    for (int group_size : {1, 2, 4, 8}) {
      Case test = MakeCase(4, 40, seed++);
      test.conv.group_size = group_size;
      test.conv.extreme_weights = true;
      test.conv.unbalanced = false;
      test.conv.compression = 1;
      test.inputs = inputs;
      cases.push_back(test);
    }
  }
  return cases;
}

// Runs the convolution on guarded memory and compares it with the reference.
void ExpectEqualToReference(const Case& test,
                            const std::vector<const PointwiseKernel*>& kernels,
                            ThreadPool* pool) {
  SCOPED_TRACE(test.Describe());
  const RandomConv conv(test.conv);
  const auto reference = CreateReferenceConv(conv.description());
  const auto tested = CreatePointwiseConv(conv.description(), kernels);
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
                     const std::vector<const PointwiseKernel*>& kernels,
                     ThreadPool* pool) {
  SCOPED_TRACE(test.Describe());
  const RandomConv conv(test.conv);
  const auto tested = CreatePointwiseConv(conv.description(), kernels);
  ASSERT_TRUE(tested->Resize(test.input).ok());
  ExpectRangesGiveTheWhole(*tested, test.input, {BytesOf(MakeInputs(test))},
                           sizeof(int8_t), test.conv.seed, pool);
}

class PointwiseKernelTest : public testing::TestWithParam<Kernel> {};

TEST_P(PointwiseKernelTest, EqualsReference) {
  for (const Case& test : Grid()) {
    ExpectEqualToReference(test, {GetParam().kernel}, nullptr);
    if (HasFailure()) return;
  }
}

TEST_P(PointwiseKernelTest, ThreadsShareTheTiles) {
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int side : {1, 7, 20}) {
    ExpectEqualToReference(MakeCase(side, 20, side), {GetParam().kernel},
                           pool.get());
  }
}

TEST_P(PointwiseKernelTest, AnyRangesOfRowsGiveTheWhole) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    ExpectAnyRanges(MakeCase(5 + seed * 3 % 17, 7 + seed, seed),
                    {GetParam().kernel}, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(
    List, PointwiseKernelTest,
    testing::ValuesIn(KernelsUnderTest(native::kPointwiseKernels,
                                       emulated::kPointwiseKernels)),
    [](const auto& info) { return info.param.Name(); });

// As the library uses kernels: large tiles, and smaller ones for the rest.
TEST(PointwiseConvTest, TilesOfSeveralSizesEqualReference) {
  Status status;
  const auto pool = ThreadPool::Create(2, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int group_size : {1, 2, 4, 8, 16}) {
    const auto kernels =
        FastestKernels(emulated::kPointwiseKernels, ~0u, group_size);
    ASSERT_FALSE(kernels.empty());
    for (int side : {1, 3, 6, 13}) {
      Case test = MakeCase(side, 24, side);
      test.conv.group_size = group_size;
      ExpectEqualToReference(test, kernels, nullptr);
      ExpectEqualToReference(test, kernels, pool.get());
      ExpectAnyRanges(test, kernels, pool.get());
    }
  }
}

}  // namespace
}  // namespace tf_pconv
