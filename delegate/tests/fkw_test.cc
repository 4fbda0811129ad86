#include "delegate/core/weights/fkw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "delegate/tests/fkw_file.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The figure of docs/fkw.md; weights count up from 1.
FkwFile Figure() {
  FkwFile file;
  file.filters = file.channels = 4;
  file.patterns = 2;
  file.kernels = 9;
  file.pattern = {0b000111010, 0b010111000};
  file.reorder = {0, 1, 3, 2};
  file.offset = {0, 2, 4, 6, 9};
  file.stride = {0, 1, 2, 0, 1, 2, 0, 0, 2, 0, 0, 3};
  file.index = {3, 1, 2, 0, 1, 3, 1, 2, 3};
  for (int i = 1; i <= 36; ++i) file.float_weight.push_back(i);
  return file;
}

// Three filters in groups of two, five channels, int8.
FkwFile GroupedInt8() {
  FkwFile file;
  file.value_type = 1;
  file.filters = 3;
  file.channels = 5;
  file.group_size = 2;
  file.patterns = 1;
  file.kernels = 3;
  file.pattern = {0b000011011};
  file.reorder = {2, 0, 1};
  file.offset = {0, 1, 3};
  file.stride = {0, 1, 0, 2};
  file.index = {4, 0, 3};
  for (int i = 0; i < 16; ++i) file.int8_weight.push_back(i - 8);
  file.scale = {0.5f, 0.25f, 1.0f};
  return file;
}

Status Read(const std::vector<uint8_t>& bytes, PatternWeights* weights) {
  // An exact heap block, so that AddressSanitizer sees a read beyond the end.
  std::unique_ptr<uint8_t[]> block(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), block.get());
  return ReadFkw(block.get(), bytes.size(), weights);
}

std::string ErrorOf(const FkwFile& file) {
  PatternWeights weights;
  return Read(file.Bytes(), &weights).message();
}

TEST(FkwTest, ReadsTheFigure) {
  PatternWeights weights;
  const Status status = Read(Figure().Bytes(), &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.type, DataType::kFloat32);
  EXPECT_EQ(weights.filters, 4);
  EXPECT_EQ(weights.channels, 4);
  EXPECT_EQ(weights.group_size, 1);
  EXPECT_EQ(weights.groups(), 4);
  EXPECT_THAT(weights.patterns, ElementsAre(0b000111010, 0b010111000));
  EXPECT_THAT(weights.filter_order, ElementsAre(0, 1, 3, 2));
  EXPECT_THAT(weights.group_begin, ElementsAre(0, 2, 4, 6, 9));
  std::vector<int> channels, patterns;
  for (const GroupKernel& kernel : weights.kernels) {
    channels.push_back(kernel.channel);
    patterns.push_back(kernel.pattern);
  }
  EXPECT_THAT(channels, ElementsAre(3, 1, 2, 0, 1, 3, 1, 2, 3));
  EXPECT_THAT(patterns, ElementsAre(0, 1, 0, 1, 1, 1, 1, 1, 1));
  EXPECT_EQ(weights.float_values, Figure().float_weight);
  EXPECT_TRUE(weights.int8_values.empty());
  EXPECT_TRUE(weights.scales.empty());
}

TEST(FkwTest, ReadsGroupsOfInt8) {
  PatternWeights weights;
  const Status status = Read(GroupedInt8().Bytes(), &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.type, DataType::kInt8);
  EXPECT_EQ(weights.groups(), 2);
  EXPECT_EQ(weights.FiltersOfGroup(0), 2);
  EXPECT_EQ(weights.FiltersOfGroup(1), 1);
  EXPECT_THAT(weights.group_begin, ElementsAre(0, 1, 3));
  EXPECT_EQ(weights.int8_values, GroupedInt8().int8_weight);
  EXPECT_THAT(weights.scales, ElementsAre(0.5f, 0.25f, 1.0f));
}

// Three filters in groups of two, five channels, 1x1.
FkwFile Pointwise() {
  FkwFile file = GroupedInt8();
  file.kernel_height = file.kernel_width = file.entries = 1;
  file.pattern = {1};
  file.int8_weight = {1, 2, 3, 4};
  return file;
}

TEST(FkwTest, Reads1x1Kernels) {
  PatternWeights weights;
  const Status status = Read(Pointwise().Bytes(), &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.kernel_side, 1);
  EXPECT_EQ(weights.entries(), 1);
  EXPECT_THAT(weights.patterns, ElementsAre(1));
  EXPECT_THAT(weights.int8_values, ElementsAre(1, 2, 3, 4));
}

TEST(FkwTest, RefusesOtherPatternsAndEntriesOf1x1Kernels) {
  FkwFile file = Pointwise();
  file.pattern = {2};
  EXPECT_THAT(ErrorOf(file), HasSubstr("'pattern' is 2, expected 1"));
  file = Pointwise();
  file.entries = 4;
  EXPECT_THAT(ErrorOf(file), HasSubstr("'entries' is 4, expected 1"));
  file = Pointwise();
  file.patterns = 2;
  EXPECT_THAT(ErrorOf(file), HasSubstr("'patterns' is 2, expected 1 to 1"));
}

TEST(FkwTest, IndicesTakeTwoBytesAbove256) {
  FkwFile file;
  file.filters = file.channels = 257;
  file.group_size = 256;
  file.patterns = 1;
  file.kernels = 1;
  file.pattern = {0b111100000};
  for (int i = 256; i >= 0; --i) file.reorder.push_back(i);
  file.offset = {0, 0, 1};
  file.stride = {0, 0, 0, 1};
  file.index = {256};
  file.float_weight = {1, 2, 3, 4};
  PatternWeights weights;
  const Status status = Read(file.Bytes(), &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.filter_order.front(), 256);
  EXPECT_EQ(weights.kernels[0].channel, 256);
}

TEST(FkwTest, ALayerMayKeepNoKernel) {
  FkwFile file;
  file.filters = file.channels = 1;
  file.patterns = 1;
  file.pattern = {0b000001111};
  file.reorder = {0};
  file.offset = {0, 0};
  file.stride = {0, 0};
  EXPECT_EQ(ErrorOf(file), "");
}

// Each broken rule of the format, and what the error says of it.
struct BrokenRule {
  const char* name;
  std::function<void(FkwFile*)> breaks;
  const char* says;
};

class FkwBrokenRuleTest : public testing::TestWithParam<BrokenRule> {};

TEST_P(FkwBrokenRuleTest, IsRefused) {
  FkwFile file = Figure();
  GetParam().breaks(&file);
  EXPECT_THAT(ErrorOf(file), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Format, FkwBrokenRuleTest,
    testing::Values(
        BrokenRule{"magic", [](FkwFile* f) { f->magic = "FKW2"; }, "FKW1"},
        BrokenRule{"version", [](FkwFile* f) { f->version = 2; },
                   "'version' is 2, expected 1"},
        BrokenRule{"value_type", [](FkwFile* f) { f->value_type = 2; },
                   "'value_type' is 2"},
        BrokenRule{"entries", [](FkwFile* f) { f->entries = 5; },
                   "'entries' is 5, expected 4"},
        BrokenRule{"no_filters", [](FkwFile* f) { f->filters = 0; },
                   "'filters' is 0"},
        BrokenRule{"many_filters", [](FkwFile* f) { f->filters = 65536; },
                   "'filters' is 65536"},
        BrokenRule{"huge_filters", [](FkwFile* f) { f->filters = ~0u; },
                   "'filters' is 4294967295"},
        BrokenRule{"no_channels", [](FkwFile* f) { f->channels = 0; },
                   "'channels' is 0"},
        BrokenRule{"many_channels", [](FkwFile* f) { f->channels = 65536; },
                   "'channels' is 65536"},
        BrokenRule{"height", [](FkwFile* f) { f->kernel_height = 5; },
                   "'kernel_height' is 5, expected 1 or 3"},
        BrokenRule{"width", [](FkwFile* f) { f->kernel_width = 1; },
                   "'kernel_width' is 1, expected 3"},
        BrokenRule{"no_group", [](FkwFile* f) { f->group_size = 0; },
                   "'group_size' is 0"},
        BrokenRule{"wide_group", [](FkwFile* f) { f->group_size = 257; },
                   "'group_size' is 257"},
        BrokenRule{"no_patterns", [](FkwFile* f) { f->patterns = 0; },
                   "'patterns' is 0"},
        BrokenRule{"many_patterns", [](FkwFile* f) { f->patterns = 127; },
                   "'patterns' is 127"},
        BrokenRule{"reserved", [](FkwFile* f) { f->reserved = 1; },
                   "'reserved' is 1, expected 0"},
        BrokenRule{"three_bits", [](FkwFile* f) { f->pattern[1] = 0b111; },
                   "exactly four"},
        BrokenRule{"high_bit", [](FkwFile* f) { f->pattern[1] = 0x207; },
                   "exactly four"},
        BrokenRule{"equal_patterns",
                   [](FkwFile* f) { f->pattern[1] = f->pattern[0]; },
                   "occurs twice"},
        BrokenRule{"filter_twice", [](FkwFile* f) { f->reorder[3] = 0; },
                   "named twice"},
        BrokenRule{"filter_range", [](FkwFile* f) { f->reorder[3] = 4; },
                   "out of range"},
        BrokenRule{"offset_start", [](FkwFile* f) { f->offset[0] = 1; },
                   "start at 0"},
        BrokenRule{"offset_falls", [](FkwFile* f) { f->offset[2] = 1; },
                   "never fall"},
        BrokenRule{"offset_end", [](FkwFile* f) { f->offset[4] = 8; },
                   "ends at 8, expected 9"},
        BrokenRule{"offset_huge",
                   [](FkwFile* f) { f->offset[4] = f->kernels = 0xffffffff; },
                   "end within the section 'index'"},
        BrokenRule{"stride_start", [](FkwFile* f) { f->stride[0] = 1; },
                   "'stride' of group 0 must start at 0"},
        BrokenRule{"stride_falls", [](FkwFile* f) { f->stride[5] = 0; },
                   "never fall"},
        BrokenRule{"stride_beyond", [](FkwFile* f) { f->stride[10] = 4; },
                   "end at 3"},
        BrokenRule{"stride_end", [](FkwFile* f) { f->stride[11] = 2; },
                   "ends at 2, expected 3"},
        BrokenRule{"channel_range", [](FkwFile* f) { f->index[0] = 4; },
                   "reads channel 4 of 4"},
        BrokenRule{"channel_twice", [](FkwFile* f) { f->index[1] = 3; },
                   "group 0 reads channel 3 twice"},
        BrokenRule{"weights_missing",
                   [](FkwFile* f) { f->float_weight.pop_back(); },
                   "within the section 'weight'"},
        BrokenRule{"weights_left",
                   [](FkwFile* f) { f->float_weight.push_back(0); },
                   "4 bytes follow"},
        BrokenRule{"scales_of_float", [](FkwFile* f) { f->scale = {1}; },
                   "4 bytes follow"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FkwTest, ScalesMustBeFiniteAndPositive) {
  for (float scale : {-1.0f, 0.0f, std::numeric_limits<float>::infinity(),
                      std::numeric_limits<float>::quiet_NaN()}) {
    FkwFile file = GroupedInt8();
    file.scale[1] = scale;
    EXPECT_THAT(ErrorOf(file), HasSubstr("scale of output channel 1"));
  }
}

TEST(FkwTest, EveryTruncationIsRefused) {
  for (const FkwFile& file : {Figure(), GroupedInt8()}) {
    const std::vector<uint8_t> bytes = file.Bytes();
    for (size_t size = 0; size < bytes.size(); ++size) {
      PatternWeights weights;
      EXPECT_FALSE(Read({bytes.begin(), bytes.begin() + size}, &weights).ok())
          << size << " of " << bytes.size() << " bytes";
    }
  }
}

// Counts of kernels are stored in 16 bits.
TEST(FkwTest, ReadsAsManyChannelsAsCountsCanSay) {
  FkwFile file;
  file.filters = 1;
  file.channels = file.kernels = 65535;
  file.patterns = 1;
  file.pattern = {0b000011011};
  file.reorder = {0};
  file.offset = file.stride = {0, 65535};
  for (int c = 0; c < 65535; ++c) file.index.push_back(c);
  file.float_weight.assign(4 * 65535, 1.0f);
  PatternWeights weights;
  const Status status = Read(file.Bytes(), &weights);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(weights.kernels.size(), 65535u);
  EXPECT_EQ(weights.kernels.back().channel, 65534);
}

TEST(FkwTest, LargeCountsInShortDataTakeNoMemory) {
  FkwFile file = Figure();
  file.filters = file.channels = 65535;
  EXPECT_THAT(ErrorOf(file), HasSubstr("within the section 'reorder'"));
  file = Figure();
  file.patterns = 126;
  EXPECT_THAT(ErrorOf(file), Not(""));
}

TEST(FkwTest, NullIsRefused) {
  PatternWeights weights;
  EXPECT_FALSE(ReadFkw(nullptr, 0, &weights).ok());
}

TEST(FkwTest, AFailureLeavesTheResultAlone) {
  PatternWeights weights;
  weights.filters = 77;
  EXPECT_FALSE(Read({1, 2, 3}, &weights).ok());
  EXPECT_EQ(weights.filters, 77);
}

// What a reader of PatternWeights relies on.
void ExpectConsistent(const PatternWeights& weights) {
  ASSERT_GE(weights.filters, 1);
  ASSERT_GE(weights.channels, 1);
  ASSERT_GE(weights.group_size, 1);
  for (uint16_t pattern : weights.patterns) {
    EXPECT_EQ(__builtin_popcount(pattern), 4);
    EXPECT_LT(pattern, 512);
  }
  std::vector<int> seen(weights.filters, 0);
  ASSERT_EQ(weights.filter_order.size(), seen.size());
  for (int filter : weights.filter_order) ++seen.at(filter);
  EXPECT_THAT(seen, testing::Each(1));
  ASSERT_EQ(weights.group_begin.size(),
            static_cast<size_t>(weights.groups()) + 1);
  EXPECT_EQ(weights.group_begin.front(), 0u);
  EXPECT_EQ(weights.group_begin.back(), weights.kernels.size());
  size_t values = 0;
  for (int g = 0; g < weights.groups(); ++g) {
    ASSERT_LE(weights.group_begin[g], weights.group_begin[g + 1]);
    values += size_t{4} * weights.FiltersOfGroup(g) *
              (weights.group_begin[g + 1] - weights.group_begin[g]);
  }
  for (const GroupKernel& kernel : weights.kernels) {
    EXPECT_LT(kernel.channel, weights.channels);
    EXPECT_LT(kernel.pattern, weights.patterns.size());
  }
  const bool is_int8 = weights.type == DataType::kInt8;
  EXPECT_EQ(weights.float_values.size(), is_int8 ? 0 : values);
  EXPECT_EQ(weights.int8_values.size(), is_int8 ? values : 0);
  EXPECT_EQ(weights.scales.size(), is_int8 ? seen.size() : 0);
}

TEST(FkwTest, EveryBitFlipIsRefusedOrConsistent) {
  for (const FkwFile& file : {Figure(), GroupedInt8()}) {
    const std::vector<uint8_t> bytes = file.Bytes();
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      SCOPED_TRACE("bit " + std::to_string(bit));
      std::vector<uint8_t> flipped = bytes;
      flipped[bit / 8] ^= 1 << (bit % 8);
      PatternWeights weights;
      if (Read(flipped, &weights).ok()) ExpectConsistent(weights);
    }
  }
}

TEST(FkwTest, RandomMutationsAreRefusedOrConsistent) {
  constexpr unsigned kSeed = 20240117;
  std::mt19937 random(kSeed);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " +
                 std::to_string(round));
    std::vector<uint8_t> bytes = (round % 2 ? Figure() : GroupedInt8()).Bytes();
    const int mutations = 1 + random() % 4;
    for (int i = 0; i < mutations; ++i) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = random();
          break;
        case 1:
          bytes[at] += random() % 2 ? 1 : -1;
          break;
        case 2:
          bytes.insert(bytes.begin() + at, random() % 4);
          break;
        default:
          if (bytes.size() > 1) bytes.erase(bytes.begin() + at);
      }
    }
    PatternWeights weights;
    if (!Read(bytes, &weights).ok()) continue;
    ++accepted;
    ExpectConsistent(weights);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace tf_pconv
