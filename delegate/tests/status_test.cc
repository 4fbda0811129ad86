#include "delegate/core/status.h"

#include <gtest/gtest.h>

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
  const std::string text(5000, 'x');
  const std::string message = Status::Error("%s", text.c_str()).message();
  EXPECT_GE(message.size(), 200u);
  EXPECT_LT(message.size(), text.size());
  EXPECT_EQ(message, text.substr(0, message.size()));
}

TEST(StatusTest, EmptySentenceIsStillAnError) {
  EXPECT_FALSE(Status::Error("%s", "").ok());
}

}  // namespace
}  // namespace tf_pconv
