// float32 3x3 convolutions on the kernels of the list.

#include <gtest/gtest.h>

#include <vector>

#include "delegate/core/float/conv.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

using Kernels = std::vector<const FloatKernel*>;

TestedKernels Make(const Kernels& kernels) {
  TestedKernels tested;
  tested.conv.type = DataType::kFloat32;
  tested.create = [kernels](const ConvDescription& description) {
    return CreateFloatConv(description, kernels);
  };
  return tested;
}

std::vector<TestedKernels> AllTested() {
  return EachKernelAndItsTiles(native::kFloatKernels, emulated::kFloatKernels,
                               Make);
}

INSTANTIATE_TEST_SUITE_P(Float, KernelTest, testing::ValuesIn(AllTested()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Float, FloatKernelTest, testing::ValuesIn(AllTested()),
                         KernelTest::Name);

// However long rows are, only strips of them are packed.
TEST(FloatConvTest, WideImagesTakeLittleMemory) {
  constexpr int kChannels = 64;
  for (const TestedKernels& kernels : AllTested()) {
    RandomConvOptions options = kernels.conv;
    options.filters = 4;
    options.channels = kChannels;
    const RandomConv conv(options);
    const auto tested = kernels.create(conv.description());
    ASSERT_TRUE(tested->Resize({{1, 3, 9000, kChannels}}).ok());
    EXPECT_LT(tested->WorkspaceBytes(1), 1u << 20) << kernels.name;
  }
}

}  // namespace
}  // namespace tf_pconv
