#include "delegate/testing/kernel_test.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "delegate/core/thread_pool.h"
#include "delegate/testing/conv_check.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

// Float32 convolutions read nothing of int8 and the other way round, so a
// family's binary has one of the two.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Int8KernelTest);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FloatKernelTest);

std::unique_ptr<ThreadPool> MakePool(int threads) {
  Status status;
  auto pool = ThreadPool::Create(threads, &status);
  EXPECT_TRUE(status.ok()) << status.message();
  return pool;
}

}  // namespace

std::vector<Boundary> TileBoundaries(int tile_pixels) {
  std::vector<Boundary> boundaries;
  for (int tiles : {1, 2}) {
    // Tiles have one, two or four rows.
    for (int rows : {1, 2, 4}) {
      for (int more : {-1, 0, 1}) {
        const int width = tiles * tile_pixels / rows + more;
        if (width < 1) continue;
        boundaries.push_back({std::to_string(tiles) + " tiles in " +
                                  std::to_string(rows) + " rows and " +
                                  std::to_string(more) + " columns",
                              rows, width, 20});
      }
    }
  }
  return boundaries;
}

void PrintTo(const TestedKernels& kernels, std::ostream* stream) {
  *stream << kernels.name;
}

std::string KernelTest::Name(
    const testing::TestParamInfo<TestedKernels>& info) {
  return info.param.name;
}

int KernelTest::Channels(int channels) const {
  return (channels - 1) % GetParam().most_channels + GetParam().least_channels;
}

ConvCase KernelTest::Varied(int height, int width, int channels,
                            uint32_t seed) const {
  ConvCase test =
      VariedCase(GetParam().conv, height, width, Channels(channels), seed);
  test.conv.filters += GetParam().least_filters - 1;
  return test;
}

ConvCase KernelTest::Plain(int filters, int channels, int height,
                           int width) const {
  ConvCase test;
  test.conv = GetParam().conv;
  test.conv.filters = filters + GetParam().least_filters - 1;
  test.conv.channels = Channels(channels);
  test.conv.compression = test.conv.kernel_side == 1 ? 2.0 : 4.0;
  test.conv.any_patterns = true;
  test.input = {1, height, width, test.conv.channels};
  return test;
}

bool KernelTest::Runs(const ConvCase& test) const {
  return !GetParam().runs || GetParam().runs(test.conv);
}

void KernelTest::Check(const ConvCase& test, ThreadPool* pool) const {
  Check(test, MakeInput(test), pool);
}

void KernelTest::Check(const ConvCase& test, const TensorBytes& input,
                       ThreadPool* pool) const {
  SCOPED_TRACE(Describe(test));
  if (!Runs(test)) return;
  const RandomConv conv(test.conv);
  const auto tested = GetParam().create(conv.description());
  ExpectLikeReference(conv.description(), tested.get(), test.input, input,
                      pool);
}

void KernelTest::CheckRanges(const ConvCase& test, ThreadPool* pool) const {
  SCOPED_TRACE(Describe(test));
  if (!Runs(test)) return;
  const RandomConv conv(test.conv);
  const auto tested = GetParam().create(conv.description());
  ASSERT_TRUE(tested->Resize({test.input}).ok());
  ExpectRangesGiveTheWhole(*tested, {{test.input, MakeInput(test)}},
                           ElementBytes(test.conv.type), test.conv.seed, pool);
}

TEST_P(KernelTest, AllSides) {
  uint32_t seed = 0;
  for (int side = 1; side <= 17; ++side) {
    for (int channels : {1, 5, 16, 33}) {
      Check(Varied(side, side + seed % 3, channels, seed));
      if (HasFailure()) return;
      ++seed;
    }
  }
}

TEST_P(KernelTest, LargeImages) {
  Check(Varied(31, 31, 17, 0));
  Check(Varied(64, 65, 19, 1));
  Check(Varied(63, 65, 3, 2));
}

// One row of pixels, or one column.
TEST_P(KernelTest, AllGeometries) {
  constexpr int kSides[][2] = {{1, 1},  {1, 7},   {5, 1},  {3, 3},  {4, 16},
                               {7, 17}, {15, 15}, {16, 8}, {13, 33}};
  for (const auto& [height, width] : kSides) {
    ConvCase test = Plain(5, 6, height, width);
    for (int stride = 1; stride <= 2; ++stride) {
      test.conv.stride_height = test.conv.stride_width = stride;
      test.conv.padding = Padding::kSame;
      Check(test);
      if (std::min(height, width) < test.conv.kernel_side) continue;
      test.conv.padding = Padding::kValid;
      Check(test);
    }
  }
}

TEST_P(KernelTest, MixedStrides) {
  for (int stride = 1; stride <= 2; ++stride) {
    ConvCase test = Plain(3, 4, 9, 10);
    test.conv.stride_height = stride;
    test.conv.stride_width = 3 - stride;
    test.input.batch = 3;
    Check(test);
  }
}

TEST_P(KernelTest, AroundTheBoundariesOfTiles) {
  for (const Boundary& boundary : GetParam().boundaries) {
    SCOPED_TRACE(boundary.name);
    ConvCase test = Plain(9, 1, boundary.height, boundary.width);
    test.conv.channels = test.input.channels = boundary.channels;
    Check(test);
    if (HasFailure()) return;
  }
}

TEST_P(KernelTest, AllCountsOfChannels) {
  // Blocks of channels have up to 64 of them in depthwise convolutions.
  const int all = GetParam().conv.depthwise ? 135 : 35;
  uint32_t seed = 0;
  for (int channels = 1; channels <= 260; channels += channels < all ? 1 : 28) {
    const int side = 1 + seed % 5;
    Check(Varied(side, side + seed % 3, channels, seed));
    if (HasFailure()) return;
    ++seed;
  }
}

// More than one pass over the weights takes.
TEST_P(KernelTest, ManyChannels) {
  Check(Varied(2, 4, 2100, 1));
  Check(Varied(3, 5, 1039, 2));
  // Passes as long as the largest tiles allow would leave five to the last.
  ConvCase test = Varied(2, 3, 485, 3);
  test.conv.stride_height = test.conv.stride_width = 2;
  Check(test);
}

// Also those that no vector divides.
TEST_P(KernelTest, FewAndManyFilters) {
  constexpr int kCounts[][2] = {{1, 1},   {1, 40},  {16, 1}, {17, 15},
                                {32, 64}, {37, 33}, {9, 260}};
  for (const auto& [filters, channels] : kCounts) {
    Check(Plain(filters, channels, 6, 9));
  }
}

// Groups that the kernels' own group size does not divide, and such that keep
// nothing at all.
TEST_P(KernelTest, AllGroupSizes) {
  if (GetParam().conv.depthwise || GetParam().conv.stem) {
    GTEST_SKIP() << "has no filter groups";
  }
  for (int group_size : {1, 2, 3, 4, 5, 8, 11, 16, 17}) {
    ConvCase test = Plain(19, 12, 5, 6);
    test.conv.group_size = group_size;
    test.conv.unbalanced = true;
    Check(test);
  }
}

TEST_P(KernelTest, AllActivations) {
  for (Activation activation : {Activation::kNone, Activation::kRelu,
                                Activation::kReluN1To1, Activation::kRelu6}) {
    for (bool bias : {false, true}) {
      ConvCase test = Plain(18, 20, 6, 7);
      test.conv.activation = activation;
      test.conv.bias = bias;
      Check(test);
    }
  }
}

TEST_P(KernelTest, ThreadsGiveTheSame) {
  const auto pool = MakePool(3);
  for (int side : {1, 2, 7, 20}) {
    const ConvCase test = Varied(side, side + 1, 20, side);
    Check(test, pool.get());
    if (!Runs(test)) continue;
    const RandomConv conv(test.conv);
    const auto tested = GetParam().create(conv.description());
    const auto run = [&](ThreadPool* threads) {
      return RunGuarded(test.conv.type, tested.get(), test.input,
                        MakeInput(test), threads);
    };
    EXPECT_EQ(run(pool.get()), run(nullptr)) << Describe(test);
  }
}

TEST_P(KernelTest, AnyRangesOfRowsGiveTheWhole) {
  const auto pool = MakePool(2);
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const ConvCase test =
        Varied(5 + seed * 3 % 17, 4 + seed * 5 % 30, 1 + seed, seed);
    CheckRanges(test, nullptr);
    CheckRanges(test, pool.get());
    if (HasFailure()) return;
  }
}

TEST_P(KernelTest, ResizesAgain) {
  const ConvCase first = Plain(16, 16, 1, 1);
  const RandomConv conv(first.conv);
  const auto reused = GetParam().create(conv.description());
  for (int side : {5, 24, 2, 9, 12, 3, 20}) {
    ConvCase test = first;
    test.input.height = test.input.width = side;
    SCOPED_TRACE(Describe(test));
    ExpectLikeReference(conv.description(), reused.get(), test.input,
                        MakeInput(test));
  }
}

// Where sums are 16 bits wide, no inputs may make them overflow.
TEST_P(Int8KernelTest, SumsAtTheirLimits) {
  uint32_t seed = 0;
  for (const auto inputs :
       {ConvCase::Inputs::kLargest, ConvCase::Inputs::kSmallest}) {
    for (int group_size : {1, 2, 4, 8}) {
      ConvCase test = Plain(19, 40, 4, 5);
      test.conv.group_size = group_size;
      test.conv.extreme_weights = true;
      test.conv.compression = test.conv.kernel_side == 1 ? 1.0 : 2.25;
      test.conv.seed = seed++;
      test.inputs = inputs;
      Check(test);
    }
  }
}

TEST_P(Int8KernelTest, OutputsFarOutsideTheRangeAreClamped) {
  for (uint32_t seed : {1, 2, 4}) {
    for (float output_scale : {1e-5f, 1e-12f}) {
      ConvCase test = Varied(9, 11, 33, seed);
      test.conv.output_scale = output_scale;
      Check(test);
    }
  }
}

// What is not a number spreads to the outputs whose windows see it, no further.
TEST_P(FloatKernelTest, KeepsNanInItsWindow) {
  const ConvCase test = Plain(6, 3, 9, 9);
  const size_t pixel_bytes = sizeof(float) * test.input.channels;
  const float values[] = {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity()};
  for (int pixel : {0, 8, 40, 80}) {
    TensorBytes input = MakeInput(test);
    std::memcpy(&input[pixel * pixel_bytes + sizeof(float)], values,
                sizeof(values));
    Check(test, input);
  }
}

}  // namespace tf_pconv
