#ifndef TF_PCONV_DELEGATE_TESTS_REFUSALS_H_
#define TF_PCONV_DELEGATE_TESTS_REFUSALS_H_

// Graphs that the delegate does not take, or not as they are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "delegate/tests/make_delegate.h"
#include "delegate/tflite/partition.h"

namespace tf_pconv {

// What makes a good graph a bad one, and what is said of it.
template <typename Graph>
struct Change {
  const char* name;
  std::function<void(Graph*)> apply;
  const char* says;
};

template <typename Graph>
std::string NameOf(const testing::TestParamInfo<Change<Graph>>& info) {
  return info.param.name;
}

// Expects that the convolution stays with the runtime, for a reason.
template <typename Graph>
void ExpectRefusal(const Change<Graph>& change, const char* operator_name) {
  Graph graph;
  change.apply(&graph);
  Selection selection;
  const Status status =
      SelectNodes(&graph.context(), TestOptions(), &selection);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(selection.nodes, testing::IsEmpty());
  ASSERT_EQ(selection.refused.size(), 1u);
  EXPECT_STREQ(selection.refused[0].operator_name, operator_name);
  EXPECT_THAT(selection.refused[0].reason.message(),
              testing::HasSubstr(change.says));
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTS_REFUSALS_H_
