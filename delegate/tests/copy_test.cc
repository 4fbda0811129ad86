// Operators that only move elements: CONCATENATION and PAD.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "delegate/core/copy/concatenation.h"
#include "delegate/core/copy/pad.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/guarded_run.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Value>
std::vector<Value> OutputOf(const Operator& op,
                            std::vector<const void*> inputs) {
  std::vector<Value> output(ValuesOf(op.output_shape()));
  op.RunRows(inputs.data(), output.data(), {0, op.output_shape().height},
             nullptr, nullptr, nullptr);
  return output;
}

// 0, 1, 2 and so on.
std::vector<uint8_t> Numbers(const ActivationShape& shape, size_t bytes) {
  std::vector<uint8_t> numbers(ValuesOf(shape) * bytes);
  std::iota(numbers.begin(), numbers.end(), uint8_t{0});
  return numbers;
}

void ExpectRanges(const Operator& op,
                  const std::vector<ActivationShape>& shapes,
                  size_t element_bytes) {
  std::vector<InputTensor> inputs;
  for (const ActivationShape& shape : shapes) {
    inputs.push_back({shape, Numbers(shape, element_bytes)});
  }
  Status status;
  for (int threads : {1, 2, 3}) {
    const auto pool = ThreadPool::Create(threads, &status);
    ASSERT_TRUE(status.ok());
    ExpectRangesGiveTheWhole(op, inputs, element_bytes, threads, pool.get());
  }
}

TEST(PadTest, SurroundsEachImage) {
  PadDescription description;
  description.value = 7;
  description.top = description.right = 1;
  const auto pad = CreatePad(description);
  ASSERT_TRUE(pad->Resize({{2, 1, 2, 2}}).ok());
  EXPECT_EQ(pad->output_shape(), (ActivationShape{2, 2, 3, 2}));
  const std::vector<int8_t> input = {1, 2, 3, 4, 10, 20, 30, 40};
  EXPECT_THAT(OutputOf<int8_t>(*pad, {input.data()}),
              ElementsAre(7, 7, 7, 7, 7, 7, 1, 2, 3, 4, 7, 7,  //
                          7, 7, 7, 7, 7, 7, 10, 20, 30, 40, 7, 7));
}

TEST(PadTest, FloatsAreSurroundedByZeros) {
  PadDescription description;
  description.element_bytes = sizeof(float);
  description.left = 2;
  description.bottom = 1;
  const auto pad = CreatePad(description);
  ASSERT_TRUE(pad->Resize({{1, 1, 1, 1}}).ok());
  const float input = 1.5f;
  EXPECT_THAT(OutputOf<float>(*pad, {&input}),
              ElementsAre(0.0f, 0.0f, 1.5f, 0.0f, 0.0f, 0.0f));
}

TEST(PadTest, RangesOfRowsGiveTheSame) {
  PadDescription description;
  description.top = 3;
  description.bottom = 2;
  description.left = 1;
  const auto pad = CreatePad(description);
  const ActivationShape shape = {2, 5, 3, 7};
  ASSERT_TRUE(pad->Resize({shape}).ok());
  ExpectRanges(*pad, {shape}, 1);
}

TEST(PadTest, HugeBordersAreRefused) {
  PadDescription description;
  description.top = description.bottom = std::numeric_limits<int>::max();
  EXPECT_THAT(
      std::string(CreatePad(description)->Resize({{1, 1, 1, 1}}).message()),
      HasSubstr("2147483647 and 2147483647 rows"));
  description.top = 0;
  EXPECT_THAT(
      std::string(CreatePad(description)->Resize({{1, 0, 1, 1}}).message()),
      HasSubstr("too large"));
}

TEST(ConcatenationTest, ChannelsFollowEachOther) {
  const auto concatenation = CreateConcatenation(sizeof(float));
  ASSERT_TRUE(concatenation->Resize({{1, 1, 2, 1}, {1, 1, 2, 2}}).ok());
  EXPECT_EQ(concatenation->output_shape(), (ActivationShape{1, 1, 2, 3}));
  const std::vector<float> first = {1, 2}, second = {10, 20, 30, 40};
  EXPECT_THAT(OutputOf<float>(*concatenation, {first.data(), second.data()}),
              ElementsAre(1, 10, 20, 2, 30, 40));
}

TEST(ConcatenationTest, RangesOfRowsGiveTheSame) {
  const std::vector<ActivationShape> shapes = {
      {2, 9, 5, 3}, {2, 9, 5, 64}, {2, 9, 5, 1}};
  for (size_t bytes : {1, 4}) {
    const auto concatenation = CreateConcatenation(bytes);
    ASSERT_TRUE(concatenation->Resize(shapes).ok());
    ExpectRanges(*concatenation, shapes, bytes);
  }
}

TEST(ConcatenationTest, OtherSizesAreRefused) {
  const auto refusal = [](const std::vector<ActivationShape>& shapes) {
    return std::string(CreateConcatenation(1)->Resize(shapes).message());
  };
  EXPECT_THAT(refusal({{1, 2, 2, 1}, {1, 2, 3, 1}}),
              HasSubstr("differ in more than their channels"));
  constexpr int kMany = std::numeric_limits<int>::max() / 2 + 1;
  EXPECT_THAT(refusal({{1, 1, 1, kMany}, {1, 1, 1, kMany}}),
              HasSubstr("too many channels"));
}

}  // namespace
}  // namespace tf_pconv
