// Every float32 kernel of 1x1 convolutions against the reference.

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "delegate/core/float/kernel_table.h"
#include "delegate/core/pointwise/float_conv.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/float_check.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using Kernels = std::vector<const FloatKernel*>;

struct Case {
  RandomConvOptions conv;
  ActivationShape input;
};

// A case whose features vary with `seed`, each at its own rate.
Case MakeCase(int side, int channels, uint32_t seed) {
  Case test;
  RandomConvOptions& conv = test.conv;
  conv.type = DataType::kFloat32;
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
  test.input = {1 + static_cast<int>(seed) % 2, side,
                side + static_cast<int>(seed) % 3, channels};
  return test;
}

// Sides and channels on their own axes, everything else in between.
std::vector<Case> Grid() {
  std::vector<Case> cases;
  uint32_t seed = 0;
  for (int side : {1, 2, 3, 4, 5, 7, 8, 11, 13, 16, 17}) {
    for (int channels : {1, 5, 16, 33}) {
      cases.push_back(MakeCase(side, channels, seed++));
    }
  }
  for (int channels = 1; channels <= 260; channels += channels < 36 ? 1 : 28) {
    cases.push_back(MakeCase(1 + channels % 5, channels, seed++));
  }
  cases.push_back(MakeCase(2, 2100, seed++));
  return cases;
}

std::vector<float> MakeInputs(const Case& test) {
  return RandomFloat(size_t(test.input.batch) * test.input.height *
                         test.input.width * test.input.channels,
                     test.conv.seed);
}

std::string Describe(const Case& test) {
  const RandomConvOptions& conv = test.conv;
  return "seed " + std::to_string(conv.seed) + ", input " +
         std::to_string(test.input.height) + "x" +
         std::to_string(test.input.width) + "x" +
         std::to_string(conv.channels) + ", filters " +
         std::to_string(conv.filters) + ", group size " +
         std::to_string(conv.group_size);
}

void Check(const Case& test, const Kernels& kernels,
           ThreadPool* pool = nullptr) {
  SCOPED_TRACE(Describe(test));
  const RandomConv conv(test.conv);
  const auto tested = CreateFloatPointwiseConv(conv.description(), kernels);
  ExpectNearReference(conv.description(), tested.get(), test.input,
                      MakeInputs(test), pool);
}

void CheckRanges(const Case& test, const Kernels& kernels, ThreadPool* pool) {
  SCOPED_TRACE(Describe(test));
  const RandomConv conv(test.conv);
  const auto tested = CreateFloatPointwiseConv(conv.description(), kernels);
  ASSERT_TRUE(tested->Resize(test.input).ok());
  ExpectRangesGiveTheWhole(*tested, test.input, {BytesOf(MakeInputs(test))},
                           sizeof(float), test.conv.seed, pool);
}

class FloatPointwiseKernelTest
    : public testing::TestWithParam<KernelUnderTest<FloatKernel>> {
 protected:
  Kernels kernels() const { return {GetParam().kernel}; }
};

TEST_P(FloatPointwiseKernelTest, MatchesReference) {
  for (const Case& test : Grid()) {
    Check(test, kernels());
    if (HasFailure()) return;
  }
}

TEST_P(FloatPointwiseKernelTest, ThreadsShareTheTiles) {
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int side : {1, 7, 20}) {
    Check(MakeCase(side, 20, side), kernels(), pool.get());
  }
}

TEST_P(FloatPointwiseKernelTest, AnyRangesOfRowsGiveTheWhole) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    CheckRanges(MakeCase(5 + seed * 3 % 17, 7 + seed, seed), kernels(),
                nullptr);
  }
}

// What is not a number spreads to the outputs that see it, no further.
TEST_P(FloatPointwiseKernelTest, KeepsNanInItsPixel) {
  Case test = MakeCase(5, 3, 2);
  test.conv.compression = 1.5;
  const RandomConv conv(test.conv);
  for (size_t value : {0u, 7u, 44u}) {
    std::vector<float> input = MakeInputs(test);
    input[value] = std::numeric_limits<float>::quiet_NaN();
    input[value + 3] = std::numeric_limits<float>::infinity();
    const auto tested = CreateFloatPointwiseConv(conv.description(), kernels());
    ExpectNearReference(conv.description(), tested.get(), test.input, input);
  }
}

INSTANTIATE_TEST_SUITE_P(
    List, FloatPointwiseKernelTest,
    testing::ValuesIn(KernelsUnderTest(native::kFloatPointwiseKernels,
                                       emulated::kFloatPointwiseKernels)),
    [](const auto& info) { return info.param.Name(); });

// As the library uses kernels: large tiles, and smaller ones for the rest.
TEST(FloatPointwiseConvTest, TilesOfSeveralSizesMatchReference) {
  Status status;
  const auto pool = ThreadPool::Create(2, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int group_size : {1, 2, 4, 8, 16}) {
    for (uint32_t features : {uint32_t{kAvx2}, ~0u}) {
      const Kernels kernels = FastestKernels(emulated::kFloatPointwiseKernels,
                                             features, group_size);
      ASSERT_FALSE(kernels.empty());
      for (int side : {1, 3, 6, 7, 13, 14}) {
        Case test = MakeCase(side, 24, side);
        test.conv.group_size = group_size;
        Check(test, kernels);
        Check(test, kernels, pool.get());
        CheckRanges(test, kernels, pool.get());
      }
    }
  }
}

}  // namespace
}  // namespace tf_pconv
