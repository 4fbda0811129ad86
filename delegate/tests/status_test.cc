#include "delegate/core/status.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace tf_pconv {
namespace {

TEST(StatusTest, DefaultIsSuccess) {
  EXPECT_TRUE(Status().ok());
  EXPECT_STREQ(Status().message(), "");
}

TEST(StatusTest, ErrorFormatsItsSentence) {
  const Status status = Status::Error("expected %d channels, got %d", 3, 5);
  EXPECT_FALSE(status.ok());
  EXPECT_STREQ(status.message(), "expected 3 channels, got 5");
}

TEST(StatusTest, LongSentencesAreCut) {
  const std::string text(1000, 'x');
  const Status status = Status::Error("%s", text.c_str());
  EXPECT_EQ(std::strlen(status.message()), 255u);
}

TEST(StatusTest, EmptySentenceIsStillAnError) {
  EXPECT_FALSE(Status::Error("%s", "").ok());
}

}  // namespace
}  // namespace tf_pconv
