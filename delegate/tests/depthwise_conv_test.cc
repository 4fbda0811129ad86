// Every kernel of depthwise convolutions against the reference, which is exact.

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "delegate/core/depthwise/conv.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/reference.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_buffer.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using Kernel = KernelUnderTest<DepthwiseKernel>;

struct Case {
  RandomDepthwiseOptions conv;
  ActivationShape input;

  std::string Describe() const {
    std::ostringstream text;
    text << "seed " << conv.seed << ": input " << input.batch << "x"
         << input.height << "x" << input.width << "x" << input.channels
         << ", stride " << conv.stride_height << "x" << conv.stride_width
         << ", padding " << static_cast<int>(conv.padding) << ", activation "
         << static_cast<int>(conv.activation)
         << (conv.patterns ? ", patterns" : "")
         << (conv.extreme_weights ? ", extreme weights" : "");
    return text.str();
  }
};

size_t Count(const ActivationShape& shape) {
  return size_t(shape.batch) * shape.height * shape.width * shape.channels;
}

// A case whose features vary with `seed`, each at its own rate.
Case MakeCase(int height, int width, int channels, uint32_t seed) {
  Case test;
  RandomDepthwiseOptions& conv = test.conv;
  conv.seed = seed;
  conv.channels = channels;
  conv.patterns = seed % 3 == 0;
  conv.stride_height = 1 + (seed / 2) % 2;
  conv.stride_width = seed % 7 == 0 ? 1 : conv.stride_height;
  conv.padding = seed % 5 < 2 && height > 2 && width > 2 ? Padding::kValid
                                                         : Padding::kSame;
  conv.activation = static_cast<Activation>(seed % 4);
  conv.bias = seed % 6 != 0;
  conv.extreme_weights = seed % 5 == 1;
  test.input = {1 + static_cast<int>(seed) % 2, height, width, channels};
  return test;
}

// Sides and channels on their own axes, everything else in between.
std::vector<Case> Grid() {
  std::vector<Case> cases;
  uint32_t seed = 0;
  for (int width = 1; width <= 12; ++width) {
    for (int channels : {16, 32, 64}) {
      cases.push_back(MakeCase(1 + seed % 6, width, channels, seed));
      ++seed;
    }
  }
  for (int channels = 16; channels <= 260;
       channels += channels < 150 ? 1 : 29) {
    cases.push_back(MakeCase(1 + seed % 5, 1 + seed % 9, channels, seed));
    ++seed;
  }
  return cases;
}

// Runs the convolution on guarded memory and compares it with the reference.
void ExpectEqualToReference(const Case& test, const DepthwiseKernel& kernel,
                            ThreadPool* pool) {
  SCOPED_TRACE(test.Describe());
  const RandomDepthwise conv(test.conv);
  const auto reference = CreateReferenceConv(conv.description());
  const auto tested = CreateDepthwiseConv(conv.description(), kernel);
  ASSERT_TRUE(reference->Resize(test.input).ok());
  ASSERT_TRUE(tested->Resize(test.input).ok());
  const size_t count = Count(reference->output_shape());
  ASSERT_EQ(count, Count(tested->output_shape()));

  const std::vector<int8_t> values =
      RandomInt8(Count(test.input), test.conv.seed);
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

class DepthwiseKernelTest : public testing::TestWithParam<Kernel> {};

TEST_P(DepthwiseKernelTest, EqualsReference) {
  for (const Case& test : Grid()) {
    ExpectEqualToReference(test, *GetParam().kernel, nullptr);
    if (HasFailure()) return;
  }
}

TEST_P(DepthwiseKernelTest, ThreadsShareTheRows) {
  Status status;
  const auto pool = ThreadPool::Create(3, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  for (int side : {1, 2, 7, 20}) {
    ExpectEqualToReference(MakeCase(side, side, 40, side), *GetParam().kernel,
                           pool.get());
  }
}

TEST_P(DepthwiseKernelTest, AnyRangesOfRowsGiveTheWhole) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const Case test = MakeCase(5 + seed * 3 % 17, 4 + seed, 16 + seed, seed);
    SCOPED_TRACE(test.Describe());
    const RandomDepthwise conv(test.conv);
    const auto tested =
        CreateDepthwiseConv(conv.description(), *GetParam().kernel);
    ASSERT_TRUE(tested->Resize(test.input).ok());
    ExpectRangesGiveTheWhole(*tested, test.input,
                             {BytesOf(RandomInt8(Count(test.input), seed))},
                             sizeof(int8_t), seed, nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(
    List, DepthwiseKernelTest,
    testing::ValuesIn(KernelsUnderTest(native::kDepthwiseKernels,
                                       emulated::kDepthwiseKernels)),
    [](const auto& info) { return info.param.Name(); });

}  // namespace
}  // namespace tf_pconv
