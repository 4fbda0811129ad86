// 1x1 convolutions, one pixel at a time, on the kernels of the lists.

#include <gtest/gtest.h>

#include <vector>

#include "delegate/core/gemv/conv.h"
#include "delegate/core/gemv/kernel_table.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"

namespace tf_pconv {
namespace {

TestedKernels Make(DataType type, const GemvKernel* kernel) {
  TestedKernels tested;
  tested.conv.type = type;
  tested.conv.kernel_side = 1;
  tested.conv.group_size = kernel->group_size;
  // Blocks and vectors of channels.
  for (int channels : {15, 16, 17, 31, 33, 63, 64, 65, 128, 129, 641, 2050}) {
    for (int pixels : {1, 2, 3, 17}) {
      tested.boundaries.push_back({std::to_string(channels) + " channels of " +
                                       std::to_string(pixels) + " pixels",
                                   1, pixels, channels});
    }
  }
  tested.create = [kernel](const ConvDescription& description) {
    return CreateGemvConv(description, *kernel);
  };
  return tested;
}

std::vector<TestedKernels> Int8Kernels() {
  return EachKernel(
      native::kGemvKernels, emulated::kGemvKernels,
      [](const GemvKernel* kernel) { return Make(DataType::kInt8, kernel); });
}

std::vector<TestedKernels> FloatKernels() {
  return EachKernel(native::kFloatGemvKernels, emulated::kFloatGemvKernels,
                    [](const GemvKernel* kernel) {
                      return Make(DataType::kFloat32, kernel);
                    });
}

INSTANTIATE_TEST_SUITE_P(Gemv, KernelTest, testing::ValuesIn(Int8Kernels()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Gemv, Int8KernelTest, testing::ValuesIn(Int8Kernels()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatGemv, KernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatGemv, FloatKernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);

}  // namespace
}  // namespace tf_pconv
