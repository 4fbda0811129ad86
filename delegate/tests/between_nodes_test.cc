// Operators between convolutions: which of them run in the delegate, and how.

#include "delegate/tflite/between_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "delegate/tests/conv_graphs.h"
#include "delegate/tests/fake_graph.h"
#include "delegate/tests/make_delegate.h"
#include "delegate/tflite/delegate.h"
#include "delegate/tflite/partition.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Why a node stays with the runtime; empty where it does not.
std::string RefusalOf(FakeGraph* graph, int node) {
  Selection selection;
  const Status status =
      SelectNodes(&graph->context(), TestOptions(), &selection);
  EXPECT_TRUE(status.ok()) << status.message();
  for (const RefusedNode& refused : selection.refused) {
    if (refused.node == node) return refused.reason.message();
  }
  return "";
}

// A PConv2D, a PAD of its output, and a PConv2D of that.
class PadGraph : public PConv2DGraph {
 public:
  PadGraph() {
    padded = AddTensor(kTfLiteFloat32, {1, 6, 5, 1});
    borders =
        AddConstant<int32_t>(kTfLiteInt32, {4, 2}, {0, 0, 1, 1, 1, 0, 0, 0});
    pad = AddNode(kTfLiteBuiltinPad, {output, borders}, {padded});
    last = AddTensor(kTfLiteFloat32, {1, 6, 5, 1});
    AddPConv2D({padded, weights}, last);
    SetOutputs({last});
  }

  int padded, borders, pad, last;
};

TEST(BetweenNodesTest, APadBetweenConvolutionsIsTaken) {
  PadGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(0, graph.pad, 2));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  graph.data<float>(graph.input)[0] = 1;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  // The first convolution makes 1.5 of the first four pixels, which the border
  // moves by a row and a column.
  const float* output = graph.data<float>(graph.last);
  EXPECT_EQ(output[0], 0.0f);
  EXPECT_EQ(output[5 + 1], 1.5f);
  EXPECT_EQ(output[5 + 2], 1.5f + 1.5f);
}

TEST(BetweenNodesTest, OtherPadsStayWithTheRuntime) {
  const auto refusal = [](PadGraph* graph) {
    return RefusalOf(graph, graph->pad);
  };
  PadGraph of_channels;
  of_channels.data<int32_t>(of_channels.borders)[7] = 1;
  EXPECT_THAT(refusal(&of_channels), HasSubstr("rows and columns"));
  PadGraph negative;
  negative.data<int32_t>(negative.borders)[2] = -1;
  EXPECT_THAT(refusal(&negative), HasSubstr("a border is -1"));
  PadGraph computed;
  computed.tensor(computed.borders).allocation_type = kTfLiteArenaRw;
  EXPECT_THAT(refusal(&computed), HasSubstr("no constant"));
  PadGraph without_borders;
  without_borders.node(without_borders.pad).inputs =
      without_borders.arrays().Ints({without_borders.output});
  EXPECT_THAT(refusal(&without_borders), HasSubstr("no constant"));
}

// A PConv2D, a CONCATENATION of its output and its input, and a PConv2D that
// reads the second channel.
class ConcatenationGraph : public PConv2DGraph {
 public:
  ConcatenationGraph() {
    joined = AddTensor(kTfLiteFloat32, {1, 4, 4, 2});
    concatenation =
        AddNode(kTfLiteBuiltinConcatenation, {output, input}, {joined});
    node(concatenation).builtin_data = &params;
    FkwFile file = BlockFkw();
    file.channels = 2;
    file.index = {1};
    last = AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
    AddPConv2D({joined, AddWeights(file.Bytes())}, last);
    SetOutputs({last});
  }

  int joined, concatenation, last;
  TfLiteConcatenationParams params = {3, kTfLiteActNone};
};

TEST(BetweenNodesTest, AConcatenationBetweenConvolutionsIsTaken) {
  ConcatenationGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(0, graph.concatenation, 2));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  graph.data<float>(graph.input)[0] = 3;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  const float* output = graph.data<float>(graph.last);
  EXPECT_EQ(output[0], 3.0f);
  EXPECT_EQ(output[5], 3.0f);
  EXPECT_EQ(output[2], 0.0f);
}

TEST(BetweenNodesTest, OtherConcatenationsStayWithTheRuntime) {
  const auto refusal = [](ConcatenationGraph* graph) {
    return RefusalOf(graph, graph->concatenation);
  };
  ConcatenationGraph of_rows;
  of_rows.params.axis = 1;
  EXPECT_THAT(refusal(&of_rows), HasSubstr("the axis is 1"));
  ConcatenationGraph activated;
  activated.params.activation = kTfLiteActRelu;
  EXPECT_THAT(refusal(&activated), HasSubstr("accepted is NONE"));
  ConcatenationGraph without_params;
  without_params.node(without_params.concatenation).builtin_data = nullptr;
  EXPECT_THAT(refusal(&without_params), HasSubstr("no parameters"));
  ConcatenationGraph mixed;
  const int integers = mixed.AddTensor(kTfLiteInt32, {1, 4, 4, 1});
  mixed.node(mixed.concatenation).inputs =
      mixed.arrays().Ints({mixed.output, integers});
  EXPECT_THAT(refusal(&mixed), HasSubstr("int32"));
  ConcatenationGraph with_constant;
  const int constant = with_constant.AddConstant<float>(
      kTfLiteFloat32, {1, 4, 4, 1}, std::vector<float>(16, 1.0f));
  with_constant.node(with_constant.concatenation).inputs =
      with_constant.arrays().Ints({with_constant.output, constant});
  EXPECT_THAT(refusal(&with_constant), HasSubstr("an input is constant"));
}

}  // namespace
}  // namespace tf_pconv
