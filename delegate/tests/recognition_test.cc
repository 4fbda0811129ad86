#include "delegate/core/weights/recognition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "delegate/testing/to_dense.h"

namespace tf_pconv {
namespace {

using ::testing::HasSubstr;

constexpr unsigned kSeed = 1234;

// scp8: T-shapes and 2x2 blocks.
constexpr int kLibrary[] = {0b000111010, 0b010011010, 0b010111000, 0b010110010,
                            0b000011011, 0b000110110, 0b011011000, 0b110110000};

// Dense weights [filters, 3, 3, channels] of a layer that was pruned with
// patterns in groups.
struct Layer {
  int filters, channels;
  std::vector<int8_t> values;
  std::vector<float> scales;

  int8_t& at(int filter, int tap, int channel) {
    return values[(filter * 9 + tap) * channels + channel];
  }
};

// Each group of `group_size` keeps about `density` of its kernels. Its filters
// are scattered over the layer, and `zeros` of the kept weights are zero, as
// after quantisation.
Layer MakeLayer(int filters, int channels, int group_size, double density,
                double zeros, std::mt19937* random) {
  Layer layer{filters, channels, {}, {}};
  layer.values.assign(filters * 9 * channels, 0);
  layer.scales.assign(filters, 0.01f);
  std::vector<int> order(filters);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), *random);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int first = 0; first < filters; first += group_size) {
    for (int c = 0; c < channels; ++c) {
      if (uniform(*random) > density) continue;
      const int pattern = kLibrary[(*random)() % 8];
      for (int i = first; i < std::min(first + group_size, filters); ++i) {
        for (int tap = 0; tap < 9; ++tap) {
          if ((pattern >> tap & 1) == 0 || uniform(*random) < zeros) continue;
          layer.at(order[i], tap, c) = 1 + (*random)() % 127;
        }
      }
    }
  }
  return layer;
}

Status Recognize(const Layer& layer, PatternWeights* weights) {
  DenseWeights dense;
  dense.type = DataType::kInt8;
  dense.filters = layer.filters;
  dense.channels = layer.channels;
  dense.values = layer.values.data();
  dense.scales = layer.scales.data();
  return RecognizePatterns(dense, weights);
}

int64_t StoredKernels(const PatternWeights& weights) {
  int64_t kernels = 0;
  for (int g = 0; g < weights.groups(); ++g) {
    kernels += int64_t{weights.group_begin[g + 1] - weights.group_begin[g]} *
               weights.FiltersOfGroup(g);
  }
  return kernels;
}

struct GroupCase {
  int filters, channels, group_size;
  double zeros;
};

class RecognitionGroupTest : public testing::TestWithParam<GroupCase> {};

TEST_P(RecognitionGroupTest, FindsScatteredGroupsAndKeepsEveryWeight) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const GroupCase param = GetParam();
  std::mt19937 random(kSeed);
  const Layer layer = MakeLayer(param.filters, param.channels, param.group_size,
                                0.28, param.zeros, &random);
  PatternWeights weights;
  const Status status = Recognize(layer, &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.group_size, param.group_size);
  EXPECT_EQ(weights.group_begin.size(),
            static_cast<size_t>(weights.groups()) + 1);
  EXPECT_EQ(ToDense(weights, weights.int8_values), layer.values);
  EXPECT_EQ(weights.scales, layer.scales);
  EXPECT_LE(weights.patterns.size(), 8u);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, RecognitionGroupTest,
    testing::Values(GroupCase{32, 32, 16, 0.0}, GroupCase{32, 40, 8, 0.0},
                    GroupCase{64, 64, 4, 0.0}, GroupCase{64, 64, 4, 0.05},
                    GroupCase{64, 33, 2, 0.0}, GroupCase{64, 33, 2, 0.03},
                    GroupCase{48, 64, 1, 0.0}, GroupCase{48, 64, 1, 0.03},
                    GroupCase{35, 40, 8, 0.0}, GroupCase{30, 64, 4, 0.04},
                    GroupCase{7, 64, 2, 0.0}, GroupCase{3, 30, 4, 0.0}),
    [](const auto& info) {
      const GroupCase& c = info.param;
      return "f" + std::to_string(c.filters) + "_c" +
             std::to_string(c.channels) + "_g" + std::to_string(c.group_size) +
             (c.zeros > 0 ? "_quantised" : "");
    });

TEST(RecognitionTest, GroupsStoreAtMostATenthMore) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  for (double zeros : {0.0, 0.1, 0.3, 0.6}) {
    const Layer layer = MakeLayer(32, 32, 4, 0.3, zeros, &random);
    PatternWeights weights;
    ASSERT_TRUE(Recognize(layer, &weights).ok());
    int64_t single = 0;
    for (int f = 0; f < layer.filters; ++f) {
      for (int c = 0; c < layer.channels; ++c) {
        bool kept = false;
        for (int tap = 0; tap < 9; ++tap) {
          kept |= const_cast<Layer&>(layer).at(f, tap, c) != 0;
        }
        single += kept;
      }
    }
    EXPECT_LE(StoredKernels(weights), single + single / 10);
    EXPECT_EQ(ToDense(weights, weights.int8_values), layer.values);
  }
}

TEST(RecognitionTest, KernelsAreOrderedByPatternAndGroupsByLength) {
  std::mt19937 random(kSeed);
  PatternWeights weights;
  ASSERT_TRUE(
      Recognize(MakeLayer(24, 48, 4, 0.3, 0.0, &random), &weights).ok());
  uint32_t shortest = 0;
  for (int g = 0; g < weights.groups(); ++g) {
    const auto begin = weights.kernels.begin() + weights.group_begin[g];
    const auto end = weights.kernels.begin() + weights.group_begin[g + 1];
    EXPECT_TRUE(std::is_sorted(
        begin, end, [](const GroupKernel& a, const GroupKernel& b) {
          return a.pattern != b.pattern ? a.pattern < b.pattern
                                        : a.channel < b.channel;
        }));
    EXPECT_GE(end - begin, shortest);
    shortest = end - begin;
  }
}

TEST(RecognitionTest, SmallMasksUsePatternsOfTheLayer) {
  Layer layer{2, 3, std::vector<int8_t>(2 * 9 * 3, 0), {1.0f, 1.0f}};
  for (int tap : {0, 1, 3, 4}) layer.at(0, tap, 0) = 5;  // a whole block
  layer.at(0, 4, 1) = 6;                                 // fits the block
  for (int tap : {6, 8}) layer.at(1, tap, 2) = 7;        // fits nothing yet
  PatternWeights weights;
  ASSERT_TRUE(Recognize(layer, &weights).ok());
  EXPECT_EQ(weights.patterns.size(), 2u);
  EXPECT_EQ(weights.patterns[0], 0b000011011);
  EXPECT_EQ(weights.patterns[1] & 0b101000000, 0b101000000);
  EXPECT_EQ(ToDense(weights, weights.int8_values), layer.values);
}

TEST(RecognitionTest, ReadsFloat) {
  std::vector<float> values(9 * 2, 0.0f);
  values[4 * 2 + 1] = -0.5f;
  values[0] = -0.0f;  // a zero like any other
  DenseWeights dense{DataType::kFloat32, 1, 2, values.data(), nullptr};
  PatternWeights weights;
  ASSERT_TRUE(RecognizePatterns(dense, &weights).ok());
  ASSERT_EQ(weights.kernels.size(), 1u);
  EXPECT_EQ(weights.kernels[0].channel, 1);
  EXPECT_THAT(weights.float_values, testing::Contains(-0.5f).Times(1));
  EXPECT_EQ(std::accumulate(weights.float_values.begin(),
                            weights.float_values.end(), 0.0f),
            -0.5f);
  EXPECT_TRUE(weights.scales.empty());
}

TEST(RecognitionTest, WeightsThatAreNoNumbersAreRefused) {
  for (const float wrong : {std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(9 * 2, 0.0f);
    values[3] = wrong;
    const DenseWeights dense{DataType::kFloat32, 1, 2, values.data(), nullptr};
    PatternWeights weights;
    EXPECT_STREQ(RecognizePatterns(dense, &weights).message(),
                 "weights that are NaN or infinite");
  }
}

TEST(RecognitionTest, ALayerOfZerosIsRefused) {
  Layer layer{5, 4, std::vector<int8_t>(5 * 9 * 4, 0),
              std::vector<float>(5, 1.0f)};
  PatternWeights weights;
  EXPECT_THAT(Recognize(layer, &weights).message(),
              HasSubstr("all weights are zero"));
}

// One filter may be left over, three may not.
TEST(RecognitionTest, FiltersWithoutPartnersEndTheGroups) {
  const std::vector<std::vector<int>> taps = {
      {0, 1, 3, 4}, {0, 1, 3, 4}, {4, 5, 7, 8}, {0, 2, 6, 8}, {1, 3, 5, 7}};
  for (const int filters : {3, 5}) {
    Layer layer{filters, 1, std::vector<int8_t>(filters * 9, 0),
                std::vector<float>(filters, 1.0f)};
    for (int f = 0; f < filters; ++f) {
      for (int tap : taps[f]) layer.at(f, tap, 0) = 1;
    }
    PatternWeights weights;
    ASSERT_TRUE(Recognize(layer, &weights).ok());
    EXPECT_EQ(weights.group_size, filters == 3 ? 2 : 1);
    std::vector<int32_t> order = weights.filter_order;
    std::sort(order.begin(), order.end());
    std::vector<int32_t> all(filters);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(order, all);
  }
}

TEST(RecognitionTest, FiveWeightsInAKernelAreRefused) {
  Layer layer{2, 3, std::vector<int8_t>(2 * 9 * 3, 0), {1.0f, 1.0f}};
  for (int tap = 0; tap < 5; ++tap) layer.at(1, tap, 2) = 1;
  PatternWeights weights;
  weights.filters = 77;
  const Status status = Recognize(layer, &weights);
  EXPECT_THAT(status.message(),
              HasSubstr("output channel 1, input channel 2 keeps 5 weights"));
  EXPECT_EQ(weights.filters, 77) << "a failure must leave the result alone";
}

TEST(RecognitionTest, MalformedDescriptionsAreRefused) {
  const int8_t value = 0;
  PatternWeights weights;
  EXPECT_FALSE(
      RecognizePatterns({DataType::kInt8, 1, 1, nullptr, nullptr}, &weights)
          .ok());
  EXPECT_FALSE(
      RecognizePatterns({DataType::kInt8, 0, 1, &value, nullptr}, &weights)
          .ok());
  EXPECT_FALSE(
      RecognizePatterns({DataType::kInt8, 1, 65537, &value, nullptr}, &weights)
          .ok());
  const std::vector<int8_t> zeros(9, 0);
  EXPECT_THAT(RecognizePatterns({DataType::kInt8, 1, 1, zeros.data(), nullptr},
                                &weights)
                  .message(),
              HasSubstr("scales"));
}

}  // namespace
}  // namespace tf_pconv
