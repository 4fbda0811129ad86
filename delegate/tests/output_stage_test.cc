// Outputs are those of TFLite's reference kernels, which compute in fixed
// point.

#include "delegate/core/output_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <random>

namespace tf_pconv {
namespace {

constexpr uint32_t kSeed = 20261121;

// MultiplyByQuantizedMultiplier of TFLite (kernels/internal/common.h), in its
// default build: rounded once to 31 bits, and again to an integer.
int32_t MultiplyInFixedPoint(int32_t sum, double multiplier) {
  int shift = 0;
  auto fixed = static_cast<int64_t>(
      std::round(std::frexp(multiplier, &shift) * (int64_t{1} << 31)));
  if (fixed == int64_t{1} << 31) {
    fixed /= 2;
    ++shift;
  }
  const int left = std::max(shift, 0), right = std::max(-shift, 0);
  const int64_t product = sum * (int64_t{1} << left) * fixed;
  const int64_t nudge =
      product >= 0 ? int64_t{1} << 30 : 1 - (int64_t{1} << 30);
  const auto high =
      static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
  const int32_t mask = static_cast<int32_t>((int64_t{1} << right) - 1);
  const int32_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> right) + ((high & mask) > threshold ? 1 : 0);
}

ConvDescription Describe(const PatternWeights& weights, Activation activation,
                         int zero_point) {
  ConvDescription description;
  description.weights = &weights;
  description.activation = activation;
  description.input.scale = 1.0f;
  description.output.scale = 1.0f;
  description.output.zero_point = zero_point;
  return description;
}

TEST(OutputStageTest, EqualsFixedPoint) {
  std::mt19937 random(kSeed);
  std::uniform_real_distribution<double> exponent(-17.0, 2.0);
  std::uniform_real_distribution<double> outputs(-150.0, 150.0);
  constexpr int kFilters = 500, kSums = 400;
  PatternWeights weights;
  for (int filter = 0; filter < kFilters; ++filter) {
    weights.scales.push_back(static_cast<float>(std::exp2(exponent(random))));
  }
  constexpr int kZeroPoint = 7;
  const Int8OutputStage stage =
      MakeInt8OutputStage(Describe(weights, Activation::kNone, kZeroPoint));
  int unequal = 0;
  for (int filter = 0; filter < kFilters; ++filter) {
    const double multiplier = weights.scales[filter];
    for (int i = 0; i < kSums; ++i) {
      const auto sum = static_cast<int32_t>(outputs(random) / multiplier);
      const int expected = std::clamp(
          MultiplyInFixedPoint(sum, multiplier) + kZeroPoint, -128, 127);
      const int actual = Requantize(stage, filter, sum);
      ASSERT_LE(std::abs(actual - expected), 1)
          << "seed " << kSeed << ", " << sum << " * " << multiplier;
      unequal += actual != expected;
    }
  }
  // Fractions that a float cannot hold: one in tens of thousands.
  EXPECT_LE(unequal, kFilters * kSums / 10000) << "seed " << kSeed;
}

// Multipliers that are powers of two make many sums half way between two
// fractions, and between two outputs.
TEST(OutputStageTest, HalvesAreThoseOfFixedPoint) {
  PatternWeights weights;
  for (int bits = -2; bits <= 12; ++bits) {
    weights.scales.push_back(std::ldexp(1.0f, -bits));
    weights.scales.push_back(std::ldexp(0.75f, -bits));
  }
  const Int8OutputStage stage =
      MakeInt8OutputStage(Describe(weights, Activation::kNone, 0));
  for (size_t filter = 0; filter < weights.scales.size(); ++filter) {
    const double multiplier = weights.scales[filter];
    const auto largest = static_cast<int32_t>(130 / multiplier);
    for (int32_t sum = -largest; sum <= largest; ++sum) {
      ASSERT_EQ(Requantize(stage, static_cast<int>(filter), sum),
                std::clamp(MultiplyInFixedPoint(sum, multiplier), -128, 127))
          << sum << " * " << multiplier;
    }
  }
}

TEST(OutputStageTest, ExtremeSumsAreCutOff) {
  PatternWeights weights;
  weights.scales = {1e-30f, 1e-9f, 1.0f, 1e30f};
  const Int8OutputStage stage =
      MakeInt8OutputStage(Describe(weights, Activation::kRelu, -20));
  for (int filter : {0, 1, 2, 3}) {
    const bool small = filter < 1;
    EXPECT_EQ(Requantize(stage, filter, INT32_MIN), -20);
    EXPECT_EQ(Requantize(stage, filter, 0), -20);
    EXPECT_EQ(Requantize(stage, filter, INT32_MAX), small         ? -20
                                                    : filter == 1 ? -18
                                                                  : 127);
  }
}

}  // namespace
}  // namespace tf_pconv
