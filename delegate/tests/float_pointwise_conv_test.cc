// float32 1x1 convolutions on the kernels of the list.

#include <gtest/gtest.h>

#include <vector>

#include "delegate/core/float/kernel_table.h"
#include "delegate/core/pointwise/float_conv.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"

namespace tf_pconv {
namespace {

using Kernels = std::vector<const FloatKernel*>;

TestedKernels Make(const Kernels& kernels) {
  TestedKernels tested;
  tested.conv.type = DataType::kFloat32;
  tested.conv.kernel_side = 1;
  tested.create = [kernels](const ConvDescription& description) {
    return CreateFloatPointwiseConv(description, kernels);
  };
  return tested;
}

std::vector<TestedKernels> AllTested() {
  return EachKernelAndItsTiles(native::kFloatPointwiseKernels,
                               emulated::kFloatPointwiseKernels, Make);
}

INSTANTIATE_TEST_SUITE_P(FloatPointwise, KernelTest,
                         testing::ValuesIn(AllTested()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatPointwise, FloatKernelTest,
                         testing::ValuesIn(AllTested()), KernelTest::Name);

}  // namespace
}  // namespace tf_pconv
