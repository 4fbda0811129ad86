#include "delegate/core/weights/connectivity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "delegate/testing/to_dense.h"

namespace tf_pconv {
namespace {

constexpr unsigned kSeed = 1234;

// Dense weights [filters, 1, 1, channels] of a layer of which kernels were
// removed in groups.
struct Layer {
  int filters, channels;
  std::vector<int8_t> values;
  std::vector<float> scales;
};

// Each group of `group_size` scattered filters keeps `kept` channels; `zeros`
// of the kept weights are zero, as after quantisation.
Layer MakeLayer(int filters, int channels, int group_size, int kept,
                double zeros, std::mt19937* random) {
  Layer layer{filters, channels, {}, {}};
  layer.values.assign(filters * channels, 0);
  layer.scales.assign(filters, 0.01f);
  std::vector<int> order(filters), from(channels);
  std::iota(order.begin(), order.end(), 0);
  std::iota(from.begin(), from.end(), 0);
  std::shuffle(order.begin(), order.end(), *random);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int first = 0; first < filters; first += group_size) {
    std::shuffle(from.begin(), from.end(), *random);
    for (int i = first; i < std::min(first + group_size, filters); ++i) {
      for (int c = 0; c < kept; ++c) {
        if (uniform(*random) < zeros) continue;
        layer.values[order[i] * channels + from[c]] = 1 + (*random)() % 127;
      }
    }
  }
  return layer;
}

Status Recognize(const Layer& layer, PatternWeights* weights) {
  DenseWeights dense;
  dense.type = DataType::kInt8;
  dense.kernel_side = 1;
  dense.filters = layer.filters;
  dense.channels = layer.channels;
  dense.values = layer.values.data();
  dense.scales = layer.scales.data();
  return RecognizeConnectivity(dense, weights);
}

struct GroupCase {
  int filters, channels, group_size;
  double zeros;
};

class ConnectivityGroupTest : public testing::TestWithParam<GroupCase> {};

TEST_P(ConnectivityGroupTest, FindsScatteredGroupsAndKeepsEveryWeight) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const GroupCase param = GetParam();
  std::mt19937 random(kSeed);
  const Layer layer = MakeLayer(param.filters, param.channels, param.group_size,
                                param.channels / 4, param.zeros, &random);
  PatternWeights weights;
  const Status status = Recognize(layer, &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.kernel_side, 1);
  EXPECT_EQ(weights.entries(), 1);
  EXPECT_EQ(weights.group_size, param.group_size);
  EXPECT_EQ(weights.patterns, std::vector<uint16_t>{1});
  EXPECT_EQ(ToDense(weights, weights.int8_values), layer.values);
  EXPECT_EQ(weights.scales, layer.scales);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, ConnectivityGroupTest,
    testing::Values(GroupCase{32, 64, 16, 0.0}, GroupCase{40, 96, 8, 0.0},
                    GroupCase{64, 64, 4, 0.0}, GroupCase{64, 200, 4, 0.02},
                    GroupCase{64, 65, 2, 0.0}, GroupCase{48, 64, 1, 0.0},
                    GroupCase{48, 64, 1, 0.03}, GroupCase{35, 64, 8, 0.0},
                    GroupCase{30, 64, 4, 0.02}, GroupCase{3, 64, 4, 0.0}),
    [](const auto& info) {
      const GroupCase& c = info.param;
      return "f" + std::to_string(c.filters) + "_c" +
             std::to_string(c.channels) + "_g" + std::to_string(c.group_size) +
             (c.zeros > 0 ? "_quantised" : "");
    });

TEST(ConnectivityTest, RefusesLayersThatKeepMoreThanHalf) {
  std::mt19937 random(kSeed);
  PatternWeights weights;
  EXPECT_TRUE(Recognize(MakeLayer(8, 32, 4, 16, 0, &random), &weights).ok());
  const Status status =
      Recognize(MakeLayer(8, 32, 4, 17, 0, &random), &weights);
  EXPECT_NE(std::string(status.message()).find("53 % of the weights are kept"),
            std::string::npos)
      << status.message();
}

TEST(ConnectivityTest, RefusesALayerOfZeros) {
  Layer layer{5, 4, std::vector<int8_t>(20, 0), std::vector<float>(5, 1.0f)};
  PatternWeights weights;
  EXPECT_STREQ(Recognize(layer, &weights).message(), "all weights are zero");
}

TEST(ConnectivityTest, ReadsFloat) {
  const std::vector<float> values = {0.0f, -0.5f, -0.0f, 0.0f};
  DenseWeights dense{DataType::kFloat32, 1, 4, values.data(), nullptr, 1};
  PatternWeights weights;
  ASSERT_TRUE(RecognizeConnectivity(dense, &weights).ok());
  ASSERT_EQ(weights.kernels.size(), 1u);
  EXPECT_EQ(weights.kernels[0].channel, 1);
  EXPECT_EQ(weights.float_values, std::vector<float>{-0.5f});
}

TEST(ConnectivityTest, RefusesWeightsThatAreNoNumbers) {
  const std::vector<float> values = {0.0f, 0.0f, 0.0f,
                                     std::numeric_limits<float>::infinity()};
  const DenseWeights dense{DataType::kFloat32, 1, 4, values.data(), nullptr, 1};
  PatternWeights weights;
  EXPECT_STREQ(RecognizeConnectivity(dense, &weights).message(),
               "weights that are NaN or infinite");
}

}  // namespace
}  // namespace tf_pconv
