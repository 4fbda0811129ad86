// int8 depthwise 3x3 convolutions on the kernels of the list.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "delegate/core/depthwise/conv.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

// Blocks of channels, with every rest of a row that runs in steps of four.
std::vector<Boundary> BlockBoundaries() {
  std::vector<Boundary> boundaries;
  for (int width = 1; width <= 12; ++width) {
    for (int channels : {16, 32, 64}) {
      boundaries.push_back({"blocks of " + std::to_string(channels),
                            1 + width % 6, width, channels});
    }
  }
  return boundaries;
}

TestedKernels Make(const DepthwiseKernel* kernel) {
  TestedKernels tested;
  tested.conv = DenseDepthwise();
  tested.least_channels = kDepthwiseLeastChannels;
  tested.boundaries = BlockBoundaries();
  tested.create = [kernel](const ConvDescription& description) {
    return CreateDepthwiseConv(description, *kernel);
  };
  return tested;
}

std::vector<TestedKernels> AllTested() {
  return EachKernel(native::kDepthwiseKernels, emulated::kDepthwiseKernels,
                    Make);
}

INSTANTIATE_TEST_SUITE_P(Depthwise, KernelTest, testing::ValuesIn(AllTested()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Depthwise, Int8KernelTest,
                         testing::ValuesIn(AllTested()), KernelTest::Name);

}  // namespace
}  // namespace tf_pconv
