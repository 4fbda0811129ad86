#include "delegate/tflite/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace tf_pconv {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kEmptyLayer[] =
    "{\"node\": 7, \"operator\": \"CONV_2D\", \"output\": 3, "
    "\"name\": \"a\\\"b\\\\c\\u0009\", \"input_shape\": [1, 8, 9, 16], "
    "\"output_shape\": [1, 4, 5, 32], \"kernel\": \"reference\", "
    "\"ns\": 0, \"pack_ns\": 0, \"multiply_ns\": 0, \"store_ns\": 0}";

std::vector<LayerProfile> OneLayer() {
  std::vector<LayerProfile> layers(1);
  LayerProfile& layer = layers[0];
  layer.node = 7;
  layer.output = 3;
  layer.operator_name = "CONV_2D";
  layer.kernel = "reference";
  const std::string name = "a\"b\\c\t";
  layer.name.assign(name.c_str(), name.c_str() + name.size() + 1);
  layer.input_shape = {1, 8, 9, 16};
  layer.output_shape = {1, 4, 5, 32};
  return layers;
}

class ProfileTest : public testing::Test {
 protected:
  void SetUp() override {
    Status status;
    profile_ = Profile::Open(path_.c_str(), &status);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  void TearDown() override { std::remove(path_.c_str()); }

  // What the profile writes in the end.
  std::string Write() {
    profile_.reset();
    std::ifstream file(path_);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // A run that multiplies for 1000 ticks.
  static void Run(RegionProfile* region) {
    region->BeginRun();
    (*region->BeginLayer(0))[static_cast<int>(Phase::kMultiply)] += 1000;
    const uint64_t begin = ClockTicks();
    while (ClockTicks() - begin < 2000) continue;
    region->EndLayer(0);
    region->EndRun();
  }

  // The integer that follows the last `"key": `.
  static long Number(const std::string& text, const std::string& key) {
    const std::string quoted = "\"" + key + "\": ";
    return std::stol(text.substr(text.rfind(quoted) + quoted.size()));
  }

  const std::string path_ = testing::TempDir() + "profile_test.json";
  std::unique_ptr<Profile> profile_;
};

TEST_F(ProfileTest, WithoutRegionsIsEmpty) {
  EXPECT_EQ(Write(), "{\"regions\": []}\n");
}

TEST_F(ProfileTest, OfARegionThatNeverRanHasNoTimes) {
  profile_->AddRegion(1)->Reset(OneLayer());
  const std::string text = Write();
  EXPECT_THAT(text, StartsWith("{\"regions\": [\n{\"threads\": 1, \"runs\": 0, "
                               "\"begin_ns\": "));
  EXPECT_EQ(Number(text, "begin_ns"), Number(text, "end_ns"));
  EXPECT_THAT(text, EndsWith(", \"layers\": [\n" + std::string(kEmptyLayer) +
                             "]}]}\n"));
}

TEST_F(ProfileTest, TheFirstRunDoesNotCount) {
  RegionProfile* region = profile_->AddRegion(1);
  region->Reset(OneLayer());
  Run(region);
  const std::string text = Write();
  EXPECT_THAT(text, HasSubstr("\"runs\": 0, "));
  EXPECT_THAT(text, HasSubstr(kEmptyLayer));
}

TEST_F(ProfileTest, TimesAreMeansOfRunsAndThreads) {
  RegionProfile* one = profile_->AddRegion(1);
  RegionProfile* four = profile_->AddRegion(4);
  for (RegionProfile* region : {one, four}) {
    region->Reset(OneLayer());
    for (int i = 0; i < 11; ++i) Run(region);
  }
  const std::string text = Write();
  const std::string first = text.substr(0, text.find("\"threads\": 4"));
  for (const std::string& part : {first, text}) {
    EXPECT_EQ(Number(part, "runs"), 10);
    EXPECT_GT(Number(part, "ns"), 0);
    EXPECT_GE(Number(part, "end_ns") - Number(part, "begin_ns"),
              Number(part, "ns"));
    EXPECT_LT(Number(part, "multiply_ns"), Number(part, "ns"));
  }
  EXPECT_GT(Number(first, "multiply_ns"), 2 * Number(text, "multiply_ns"));
  EXPECT_GE(Number(text, "begin_ns"), Number(first, "end_ns"));
}

TEST_F(ProfileTest, ResetForgetsRuns) {
  RegionProfile* region = profile_->AddRegion(1);
  for (int i = 0; i < 2; ++i) {
    region->Reset(OneLayer());
    for (int run = 0; run < 3; ++run) Run(region);
  }
  EXPECT_EQ(Number(Write(), "runs"), 2);
}

}  // namespace
}  // namespace tf_pconv
