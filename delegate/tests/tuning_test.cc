#include "delegate/core/tuning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "delegate/core/processor.h"

namespace tf_pconv {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr char kFile[] =
    "tf_pconv tuning 1\n"
    "# a remark\n"
    "\n"
    "processor Other-1-2-3\n"
    "layer a gain=9.5\n"
    "processor Ours-1-2-3-avx2\n"
    "layer b gain=3.25 kernel=qs8-pconv-g4-p64-avx2 block_bytes=65536\n"
    "layer a\n";
constexpr char kOurs[] = "Ours-1-2-3-avx2";

LayerSignature Signature(const char* text) {
  PatternWeights weights;
  ConvDescription description;
  description.weights = &weights;
  LayerSignature signature(description, {}, 1);
  snprintf(signature.text, sizeof(signature.text), "%s", text);
  return signature;
}

TEST(TuningTest, LayersOfThisProcessorAreRead) {
  TuningTable table;
  const Status status = table.Parse(kFile, kOurs);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(table.size(), 2);
  const TunedLayer* layer = table.Find(Signature("b"));
  ASSERT_NE(layer, nullptr);
  EXPECT_EQ(layer->gain, 3.25);
  EXPECT_STREQ(layer->choices().kernel, "qs8-pconv-g4-p64-avx2");
  EXPECT_EQ(layer->choices().block_bytes, 65536);
  layer = table.Find(Signature("a"));
  ASSERT_NE(layer, nullptr);
  EXPECT_EQ(layer->gain, 0.0);
  EXPECT_STREQ(layer->choices().kernel, "");
  EXPECT_EQ(layer->choices().block_bytes, 0);
  EXPECT_EQ(table.Find(Signature("c")), nullptr);
}

TEST(TuningTest, OtherProcessorsAreIgnored) {
  TuningTable table;
  ASSERT_TRUE(table.Parse(kFile, "Third-1-2-3").ok());
  EXPECT_EQ(table.size(), 0);
}

struct Malformed {
  const char* text;
  const char* sentence;
};

class TuningMalformedTest : public testing::TestWithParam<Malformed> {};

TEST_P(TuningMalformedTest, IsNamedWithItsLineAndChangesNothing) {
  TuningTable table;
  ASSERT_TRUE(table.Parse(kFile, kOurs).ok());
  const std::string text =
      std::string("tf_pconv tuning 1\nprocessor Third-1-2-3\n") +
      GetParam().text;
  const Status status = table.Parse(text, kOurs);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().sentence));
  EXPECT_THAT(status.message(), HasSubstr("line 3"));
  EXPECT_EQ(table.size(), 2);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, TuningMalformedTest,
    testing::Values(Malformed{"layers a\n", "begins with 'layers'"},
                    Malformed{"processor \n", "'' is no name of a processor"},
                    Malformed{"processor a b\n", "'a b' is no name"},
                    Malformed{"layer\n", "'' is no signature"},
                    Malformed{"layer a/b\n", "'a/b' is no signature"},
                    Malformed{"layer a  gain=1\n", "unknown field ''"},
                    Malformed{"layer a speed=1\n", "unknown field 'speed=1'"},
                    Malformed{"layer a gain\n", "gain is ''"},
                    Malformed{"layer a gain=-1\n", "gain is '-1'"},
                    Malformed{"layer a gain=1 gain=1\n", "gain occurs twice"},
                    Malformed{"layer a kernel=\n", "kernel is ''"},
                    Malformed{"layer a block_bytes=0\n", "block_bytes is '0'"},
                    Malformed{"layer a block_bytes=9999999999\n",
                              "block_bytes is '9999"},
                    Malformed{"layer a gain=1\r\n", "gain is '1\r'"}));

TEST(TuningTest, LayersNeedAProcessor) {
  TuningTable table;
  EXPECT_THAT(table.Parse("tf_pconv tuning 1\nlayer a\n", kOurs).message(),
              HasSubstr("line 2: a layer precedes"));
}

TEST(TuningTest, TheSameLayerTwiceIsRefused) {
  TuningTable table;
  EXPECT_THAT(table.Parse(std::string(kFile) + "layer a\n", kOurs).message(),
              HasSubstr("layer a occurs twice"));
}

TEST(TuningTest, OtherVersionsAreRefused) {
  TuningTable table;
  for (const char* text : {"", "tf_pconv tuning 2\n", "TFL3"}) {
    EXPECT_THAT(table.Parse(text, kOurs).message(), HasSubstr("line 1 is"));
  }
}

TEST(TuningTest, LongNamesAreRefused) {
  const std::string file = std::string(kFile) + "layer ";
  TuningTable table;
  EXPECT_TRUE(table.Parse(file + std::string(127, 'x'), kOurs).ok());
  EXPECT_FALSE(table.Parse(file + std::string(128, 'x'), kOurs).ok());
  EXPECT_TRUE(
      table.Parse(file + "c kernel=" + std::string(63, 'k'), kOurs).ok());
  EXPECT_FALSE(
      table.Parse(file + "c kernel=" + std::string(64, 'k'), kOurs).ok());
}

TEST(TuningTest, RandomMutationsAreRefusedOrConsistent) {
  constexpr unsigned kSeed = 20261121;
  std::mt19937 random(kSeed);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " +
                 std::to_string(round));
    std::string text = kFile;
    const int mutations = 1 + random() % 4;
    for (int i = 0; i < mutations; ++i) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.insert(at, 1, " \n=0a"[random() % 5]);
          break;
        default:
          text.erase(at, 1 + random() % 8);
      }
    }
    TuningTable table;
    if (!table.Parse(text, kOurs).ok()) continue;
    ++accepted;
    for (const char* name : {"a", "b"}) {
      const TunedLayer* layer = table.Find(Signature(name));
      if (layer == nullptr) continue;
      EXPECT_STREQ(layer->signature, name);
      EXPECT_GE(layer->gain, 0.0);
      EXPECT_GE(layer->block_bytes, 0);
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(TuningTest, SignaturesTellLayersApart) {
  PatternWeights weights;
  weights.type = DataType::kInt8;
  weights.filters = 128;
  weights.channels = 64;
  weights.group_size = 4;
  weights.kernels.resize(288);
  ConvDescription description;
  description.weights = &weights;
  EXPECT_STREQ(LayerSignature(description, {1, 56, 48, 64}, 2).text,
               "qs8-3x3-c64-f128-g4-n288-s1x1-same-i1x56x48-t2");
  weights.type = DataType::kFloat32;
  description.stride_width = 2;
  description.padding = Padding::kValid;
  EXPECT_STREQ(LayerSignature(description, {1, 56, 48, 64}, 1).text,
               "f32-3x3-c64-f128-g4-n288-s1x2-valid-i1x56x48-t1");
}

TEST(ProcessorNameTest, IsOneWord) {
  EXPECT_THAT(std::string(ProcessorName().text),
              MatchesRegex("[A-Za-z0-9_]+-[0-9]+-[0-9]+-[0-9]+[a-z0-9-]*"));
}

}  // namespace
}  // namespace tf_pconv
