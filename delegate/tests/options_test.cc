#include "delegate/tflite/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tf_pconv {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Status Parse(const char* key, const char* value, Options* options) {
  return ParseOptions(&key, &value, 1, options);
}

TEST(OptionsTest, NoneIsTheDefault) {
  Options options;
  ASSERT_TRUE(ParseOptions(nullptr, nullptr, 0, &options).ok());
  EXPECT_EQ(options.num_threads, 0);
  EXPECT_STREQ(options.kernel, "");
  EXPECT_EQ(options.min_speedup, 1.1);
  EXPECT_FALSE(options.require_delegation);
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
}

TEST(OptionsTest, AllAreRead) {
  const char* keys[] = {"num_threads", "kernel",    "tuning",
                        "min_speedup", "log_level", "require_delegation",
                        "profile"};
  const char* values[] = {"4",       "reference", "a b.txt", "2.25",
                          "verbose", "true",      "p.json"};
  Options options;
  const Status status = ParseOptions(keys, values, 7, &options);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(options.num_threads, 4);
  EXPECT_STREQ(options.kernel, "reference");
  EXPECT_STREQ(options.tuning, "a b.txt");
  EXPECT_EQ(options.min_speedup, 2.25);
  EXPECT_STREQ(options.profile, "p.json");
  EXPECT_TRUE(options.require_delegation);
  EXPECT_EQ(options.log_level, LogLevel::kVerbose);
}

TEST(OptionsTest, MinSpeedupIsADecimal) {
  Options options;
  for (const auto& [text, value] :
       {std::pair{"0", 0.0}, {"3", 3.0}, {"1.05", 1.05}, {"0.5", 0.5}}) {
    ASSERT_TRUE(Parse("min_speedup", text, &options).ok()) << text;
    EXPECT_DOUBLE_EQ(options.min_speedup, value);
  }
}

TEST(OptionsTest, UnknownOptionNamesWhatIsAccepted) {
  Options options;
  EXPECT_THAT(Parse("threads", "1", &options).message(),
              AllOf(HasSubstr("'threads'"), HasSubstr("num_threads"),
                    HasSubstr("kernel"), HasSubstr("tuning"),
                    HasSubstr("profile"), HasSubstr("min_speedup"),
                    HasSubstr("require_delegation"), HasSubstr("log_level")));
}

struct BadValue {
  const char* key;
  const char* value;
};

class OptionsBadValueTest : public testing::TestWithParam<BadValue> {};

TEST_P(OptionsBadValueTest, IsNamedAndChangesNothing) {
  const BadValue param = GetParam();
  const char* keys[] = {"num_threads", param.key};
  const char* values[] = {"7", param.value};
  Options options;
  const Status status = ParseOptions(keys, values, 2, &options);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(param.key), HasSubstr(param.value)));
  EXPECT_EQ(options.num_threads, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Values, OptionsBadValueTest,
    testing::Values(
        BadValue{"num_threads", "0"}, BadValue{"num_threads", "257"},
        BadValue{"num_threads", "-1"}, BadValue{"num_threads", "two"},
        BadValue{"num_threads", "2 "}, BadValue{"num_threads", ""},
        BadValue{"num_threads", "99999999999"}, BadValue{"min_speedup", ""},
        BadValue{"min_speedup", "-1"}, BadValue{"min_speedup", "."},
        BadValue{"min_speedup", "1."}, BadValue{"min_speedup", ".5"},
        BadValue{"min_speedup", "1e3"}, BadValue{"min_speedup", "nan"},
        BadValue{"min_speedup", "1,5"}, BadValue{"require_delegation", "1"},
        BadValue{"require_delegation", "True"}, BadValue{"log_level", "debug"},
        BadValue{"log_level", ""}, BadValue{"profile", "model.tflite"},
        BadValue{"profile", ".json"}, BadValue{"profile", "profile.json.gz"}));

TEST(OptionsTest, LongKernelNamesAreRefused) {
  Options options;
  EXPECT_TRUE(Parse("kernel", std::string(63, 'k').c_str(), &options).ok());
  EXPECT_FALSE(Parse("kernel", std::string(64, 'k').c_str(), &options).ok());
}

TEST(OptionsTest, LongPathsAreRefused) {
  Options options;
  for (const char* option : {"tuning", "profile"}) {
    const std::string path = std::string(4090, 'p') + ".json";
    EXPECT_TRUE(Parse(option, path.c_str(), &options).ok());
    EXPECT_FALSE(Parse(option, ("p" + path).c_str(), &options).ok());
  }
}

TEST(OptionsTest, NoPathIsNone) {
  Options options;
  for (const char* option : {"tuning", "profile"}) {
    EXPECT_TRUE(Parse(option, "", &options).ok());
  }
  EXPECT_STREQ(options.tuning, "");
  EXPECT_STREQ(options.profile, "");
}

TEST(OptionsTest, NullsAreRefused) {
  Options options;
  EXPECT_FALSE(ParseOptions(nullptr, nullptr, 1, &options).ok());
  EXPECT_FALSE(Parse(nullptr, "1", &options).ok());
  EXPECT_FALSE(Parse("num_threads", nullptr, &options).ok());
}

}  // namespace
}  // namespace tf_pconv
