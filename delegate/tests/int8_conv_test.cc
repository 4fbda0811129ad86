// int8 3x3 convolutions on the kernels of the list.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "delegate/core/int8/conv.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/int8/patch.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/testing/conv_case.h"
#include "delegate/testing/conv_check.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

using Kernels = std::vector<const Int8Kernel*>;

TestedKernels Make(const Kernels& kernels) {
  TestedKernels tested;
  tested.create = [kernels](const ConvDescription& description) {
    return CreateInt8Conv(description, kernels);
  };
  // Wide blocks have one stride only.
  tested.runs = [kernels](const RandomConvOptions& conv) {
    return std::any_of(
        kernels.begin(), kernels.end(), [&](const Int8Kernel* kernel) {
          return RunsStrides(*kernel, conv.stride_height, conv.stride_width);
        });
  };
  return tested;
}

std::vector<TestedKernels> AllTested() {
  return EachKernelAndItsTiles(native::kInt8Kernels, emulated::kInt8Kernels,
                               Make, FastestInt8Kernels);
}

INSTANTIATE_TEST_SUITE_P(Int8, KernelTest, testing::ValuesIn(AllTested()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Int8, Int8KernelTest, testing::ValuesIn(AllTested()),
                         KernelTest::Name);

// A last pass of fewer channels than a transpose takes would reach past the
// lanes where tiles lie wholly in the image.
TEST(Int8ConvTest, NoPassHasTooFewChannels) {
  for (int channels : {17, 31, 33, 40}) {
    SCOPED_TRACE(testing::Message() << channels << " channels");
    RandomConvOptions options;
    options.channels = channels;
    options.filters = 9;
    const RandomConv conv(options);
    ConvTuning tuning;
    tuning.block_bytes = 1;
    const auto tested = CreateInt8Conv(
        conv.description(),
        FastestInt8Kernels(emulated::kInt8Kernels, ~0u, options.group_size),
        tuning);
    ConvCase test;
    test.conv = options;
    test.input = {1, 24, 24, channels};
    ExpectLikeReference(conv.description(), tested.get(), test.input,
                        MakeInput(test));
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
      EXPECT_TRUE(tested->Resize({{1, height, width, options.channels}}).ok());
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

}  // namespace
}  // namespace tf_pconv
