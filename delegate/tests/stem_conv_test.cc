// Stems on the kernels of the lists.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "delegate/core/stem/conv.h"
#include "delegate/core/stem/kernel_table.h"
#include "delegate/core/stem/weights.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/kernels_under_test.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

// Rows of a few outputs less or more than tiles have.
std::vector<Boundary> RowBoundaries(const StemKernel& kernel) {
  std::vector<Boundary> boundaries;
  for (const StemBlockKernel& block : kernel.blocks) {
    if (block.row == nullptr) break;
    for (int tiles : {1, 3}) {
      for (int more : {-1, 0, 1}) {
        boundaries.push_back({std::to_string(tiles) + " tiles of " +
                                  std::to_string(block.pixels) + " and " +
                                  std::to_string(more) + " columns",
                              2, tiles * block.pixels + more, 3});
      }
    }
  }
  return boundaries;
}

TestedKernels Make(const StemKernel* kernel) {
  TestedKernels tested;
  tested.conv = Stem();
  if (kernel->input_bytes == sizeof(float)) {
    tested.conv.type = DataType::kFloat32;
  }
  tested.most_channels = kStemMostChannels;
  tested.least_filters = kStemLeastFilters;
  tested.boundaries = RowBoundaries(*kernel);
  tested.create = [kernel](const ConvDescription& description) {
    return CreateStemConv(description, *kernel);
  };
  return tested;
}

std::vector<TestedKernels> Int8Kernels() {
  return EachKernel(native::kStemKernels, emulated::kStemKernels, Make);
}

std::vector<TestedKernels> FloatKernels() {
  return EachKernel(native::kFloatStemKernels, emulated::kFloatStemKernels,
                    Make);
}

class StemKernelTest : public KernelTest {};

TEST_P(StemKernelTest, AllCountsOfFilters) {
  for (int more = 1; more < 150; more += more < 80 ? 1 : 7) {
    ConvCase test = Plain(more, 3, 3, 7);
    test.conv.seed = more;
    Check(test);
    if (HasFailure()) return;
  }
}

// Kernels of any size, at strides smaller and larger than they are.
TEST_P(StemKernelTest, AllKernelsAndStrides) {
  uint32_t seed = 0;
  for (int height = 1; height <= 8; ++height) {
    for (int width : {height, 1 + height * 3 % 8}) {
      for (int stride : {1, 2, 3, 4, 9}) {
        ConvCase test = Plain(1 + seed % 20, 1 + seed % 8, 12, 13);
        test.conv.seed = seed++;
        test.conv.kernel_side = height;
        test.conv.kernel_width = width;
        test.conv.stride_height = stride;
        test.conv.stride_width = seed % 3 == 0 ? 1 : stride;
        test.conv.padding = seed % 2 == 0 ? Padding::kValid : Padding::kSame;
        test.input.batch = 1 + seed % 2;
        Check(test);
        CheckRanges(test, nullptr);
        if (HasFailure()) return;
      }
    }
  }
}

// The windows reach far beyond the image on all sides.
TEST_P(StemKernelTest, KernelsLargerThanTheImage) {
  for (int side : {1, 2, 5}) {
    ConvCase test = Plain(3, 3, side, 2 * side);
    test.conv.kernel_side = 11;
    test.conv.stride_height = test.conv.stride_width = side;
    Check(test);
  }
  ConvCase test = Plain(3, 8, 33, 40);
  test.conv.kernel_side = kStemMostSide;
  test.conv.stride_height = test.conv.stride_width = kStemMostSide;
  Check(test);
}

INSTANTIATE_TEST_SUITE_P(Stem, KernelTest, testing::ValuesIn(Int8Kernels()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Stem, Int8KernelTest, testing::ValuesIn(Int8Kernels()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(Stem, StemKernelTest, testing::ValuesIn(Int8Kernels()),
                         KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatStem, KernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatStem, FloatKernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);
INSTANTIATE_TEST_SUITE_P(FloatStem, StemKernelTest,
                         testing::ValuesIn(FloatKernels()), KernelTest::Name);

}  // namespace
}  // namespace tf_pconv
