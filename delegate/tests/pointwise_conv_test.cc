// int8 1x1 convolutions on the kernels of the list.

#include <gtest/gtest.h>

#include <vector>

#include "delegate/core/pointwise/int8_conv.h"
#include "delegate/core/pointwise/kernel_table.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"

namespace tf_pconv {
namespace {

using Kernels = std::vector<const PointwiseKernel*>;

TestedKernels Make(const Kernels& kernels) {
  TestedKernels tested;
  tested.conv.kernel_side = 1;
  tested.create = [kernels](const ConvDescription& description) {
    return CreatePointwiseConv(description, kernels);
  };
  return tested;
}

std::vector<TestedKernels> AllTested() {
  return EachKernelAndItsTiles(native::kPointwiseKernels,
                               emulated::kPointwiseKernels, Make);
}

INSTANTIATE_TEST_SUITE_P(Pointwise, KernelTest, testing::ValuesIn(AllTested()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Pointwise, Int8KernelTest,
                         testing::ValuesIn(AllTested()), KernelTest::Name);

}  // namespace
}  // namespace tf_pconv
