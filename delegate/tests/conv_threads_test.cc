// However many threads share a convolution, its outputs are the same bits.

#include <gtest/gtest.h>

#include <string>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/conv_check.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

void ExpectSameBits(const ConvDescription& description,
                    const ActivationShape& input) {
  SCOPED_TRACE(testing::Message()
               << "input " << input.batch << "x" << input.height << "x"
               << input.width << "x" << input.channels << ", "
               << description.filters() << " filters, stride "
               << description.stride_height);
  Status status;
  const auto conv = PatternConv::Create(description, {}, &status);
  ASSERT_TRUE(status.ok()) << status.message();
  const DataType type = description.type();
  const size_t count =
      size_t(input.batch) * input.height * input.width * input.channels;
  const TensorBytes values = type == DataType::kInt8
                                 ? BytesOf(RandomInt8(count, 1))
                                 : BytesOf(RandomFloat(count, 1));
  const TensorBytes alone = RunGuarded(type, conv.get(), input, values);
  for (int threads : {1, 2, 3, 5}) {
    const auto pool = ThreadPool::Create(threads, &status);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(RunGuarded(type, conv.get(), input, values, pool.get()) ==
                alone)
        << threads << " threads, kernel " << conv->kernel_name();
  }
}

struct Case {
  const char* name;
  DataType type;
  int kernel_side;
  int group_size;
  bool depthwise = false;
};

class ConvThreadsTest : public testing::TestWithParam<Case> {
 protected:
  RandomConvOptions Options(int channels, int filters) const {
    RandomConvOptions options;
    options.type = GetParam().type;
    options.kernel_side = GetParam().kernel_side;
    options.group_size = GetParam().group_size;
    options.depthwise = GetParam().depthwise;
    options.channels = channels;
    options.filters = options.depthwise ? channels : filters;
    return options;
  }
};

// From fewer tiles than threads to more, whole or not, and a batch of two.
TEST_P(ConvThreadsTest, OfAnySize) {
  const RandomConv conv(Options(19, 37));
  for (int side : {1, 2, 3, 5, 7, 11, 14, 23}) {
    ExpectSameBits(conv.description(), {1, side, side + side % 3, 19});
  }
  ExpectSameBits(conv.description(), {2, 9, 9, 19});
}

TEST_P(ConvThreadsTest, OfStride2) {
  RandomConvOptions options = Options(24, 32);
  options.stride_height = options.stride_width = 2;
  const RandomConv conv(options);
  for (int side : {2, 9, 16}) {
    ExpectSameBits(conv.description(), {1, side, side, 24});
  }
}

// Few filters leave some threads without any.
TEST_P(ConvThreadsTest, OfFewFilters) {
  const RandomConv conv(Options(16, 3));
  ExpectSameBits(conv.description(), {1, 5, 5, 16});
}

// Channels in several passes over the weights, and groups of other lengths in
// each.
TEST_P(ConvThreadsTest, OfManyChannels) {
  RandomConvOptions options = Options(530, 48);
  options.unbalanced = true;
  const RandomConv conv(options);
  for (int side : {2, 7, 10}) {
    ExpectSameBits(conv.description(), {1, side, side, 530});
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ConvThreadsTest,
    testing::Values(Case{"Int8Group1", DataType::kInt8, 3, 1},
                    Case{"Int8Group4", DataType::kInt8, 3, 4},
                    Case{"Int8Group7", DataType::kInt8, 3, 7},
                    Case{"FloatGroup1", DataType::kFloat32, 3, 1},
                    Case{"FloatGroup8", DataType::kFloat32, 3, 8},
                    Case{"PointwiseInt8", DataType::kInt8, 1, 4},
                    Case{"PointwiseFloat", DataType::kFloat32, 1, 4},
                    Case{"DepthwiseInt8", DataType::kInt8, 3, 1, true},
                    Case{"Depthwise5x5Int8", DataType::kInt8, 5, 1, true}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace tf_pconv
