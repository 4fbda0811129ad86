// Depthwise convolutions on the kernels of the lists.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "delegate/core/depthwise/float_conv.h"
#include "delegate/core/depthwise/int8_conv.h"
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

// Every rest of the rows that a kernel computes at once, and vectors that
// overlap the one before.
std::vector<Boundary> RowBoundaries(const FloatDepthwiseKernel& kernel) {
  std::vector<Boundary> boundaries;
  for (int height = 1; height <= 3 * kernel.rows; ++height) {
    for (int more : {0, 1, kernel.channels - 1, kernel.channels}) {
      boundaries.push_back({std::to_string(height) + " rows and " +
                                std::to_string(more) + " channels more",
                            height, 1 + height % 5, kernel.channels + more});
    }
  }
  return boundaries;
}

TestedKernels Make(const DepthwiseKernel* kernel) {
  TestedKernels tested;
  tested.conv = DenseDepthwise(kernel->side);
  tested.least_channels = kDepthwiseLeastChannels;
  tested.boundaries = BlockBoundaries();
  tested.create = [kernel](const ConvDescription& description) {
    return CreateDepthwiseConv(description, *kernel);
  };
  return tested;
}

TestedKernels MakeFloat(const FloatDepthwiseKernel* kernel) {
  TestedKernels tested;
  tested.conv = DenseDepthwise(kernel->side);
  tested.conv.type = DataType::kFloat32;
  tested.least_channels = kernel->channels;
  tested.boundaries = RowBoundaries(*kernel);
  tested.create = [kernel](const ConvDescription& description) {
    return CreateFloatDepthwiseConv(description, *kernel);
  };
  return tested;
}

std::vector<TestedKernels> Int8Kernels() {
  return EachKernel(native::kDepthwiseKernels, emulated::kDepthwiseKernels,
                    Make);
}

std::vector<TestedKernels> FloatKernels() {
  return EachKernel(native::kFloatDepthwiseKernels,
                    emulated::kFloatDepthwiseKernels, MakeFloat);
}

INSTANTIATE_TEST_SUITE_P(Depthwise, KernelTest,
                         testing::ValuesIn(Int8Kernels()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Depthwise, Int8KernelTest,
                         testing::ValuesIn(Int8Kernels()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatDepthwise, KernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatDepthwise, FloatKernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);

}  // namespace
}  // namespace tf_pconv
