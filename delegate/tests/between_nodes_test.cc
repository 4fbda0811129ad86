// Operators between convolutions: which of them run in the delegate, and how.

#include "delegate/tflite/between_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
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

// Whether node `index` of a graph is taken.
bool Takes(FakeGraph* graph, int index) {
  Selection selection;
  EXPECT_TRUE(SelectNodes(&graph->context(), TestOptions(), &selection).ok());
  return std::count(selection.nodes.begin(), selection.nodes.end(), index) != 0;
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
  PadGraph in_one_row;
  in_one_row.tensor(in_one_row.borders).dims = in_one_row.arrays().Ints({2, 4});
  EXPECT_THAT(refusal(&in_one_row), HasSubstr("no constant of 4x2"));
  PadGraph with_value;
  const int value = with_value.AddConstant<float>(kTfLiteFloat32, {1}, {5.0f});
  with_value.node(with_value.pad).inputs =
      with_value.arrays().Ints({with_value.output, with_value.borders, value});
  EXPECT_THAT(refusal(&with_value), HasSubstr("a value of its own"));
  PadGraph without_borders;
  without_borders.node(without_borders.pad).inputs =
      without_borders.arrays().Ints({without_borders.output});
  EXPECT_THAT(refusal(&without_borders), HasSubstr("no constant"));
}

// A PAD of the graph's input, and a stem that reads it.
class FirstPadGraph : public StemGraph {
 public:
  FirstPadGraph() {
    image = AddTensor(kTfLiteInt8, {1, 4, 4, 3});
    Quantize(image, {0.5f}, {3});
    borders =
        AddConstant<int32_t>(kTfLiteInt32, {4, 2}, {0, 0, 1, 0, 1, 1, 0, 0});
    pad = AddNode(kTfLiteBuiltinPad, {image, borders}, {input});
    SetPlan({pad, conv});
  }

  int image, borders, pad;
};

TEST(BetweenNodesTest, APadOfTheImageIsTakenWithTheConvolutionThatReadsIt) {
  FirstPadGraph graph;
  EXPECT_TRUE(Takes(&graph, graph.pad));
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.pad, graph.conv));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  std::fill_n(graph.data<int8_t>(graph.image), 4 * 4 * 3, int8_t{3});
  graph.data<int8_t>(graph.image)[0] = 4;  // of the first window
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  const auto* output = graph.data<int8_t>(graph.output);
  EXPECT_EQ(output[0], -3);
  EXPECT_EQ(output[StemGraph::kFilters], -4);

  FirstPadGraph alone;
  alone.params.dilation_width_factor = 2;
  EXPECT_FALSE(Takes(&alone, alone.pad));
}

TEST(BetweenNodesTest, WhatTheRuntimeComputesAnInputOfIsNoBeginning) {
  FirstPadGraph graph;
  const int raw = graph.AddTensor(kTfLiteInt8, {1, 4, 4, 3});
  const int unknown = graph.AddNode(static_cast<TfLiteBuiltinOperator>(28),
                                    {raw}, {graph.image});
  graph.SetPlan({unknown, graph.pad, graph.conv});
  EXPECT_TRUE(Takes(&graph, graph.conv));
  EXPECT_FALSE(Takes(&graph, graph.pad));
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

// A PConv2D, some convolutions behind it that gain too little, and a PConv2D.
class SmallConvsGraph : public PConv2DGraph {
 public:
  explicit SmallConvsGraph(int convs, int side = 4,
                           TfLiteBuiltinOperator code = kTfLiteBuiltinConv2d) {
    const std::vector<int> dims = {1, side, side, 1};
    for (int i : {input, output}) tensor(i).dims = arrays().Ints(dims);
    const int values = AddConstant<float>(kTfLiteFloat32, {1, 3, 3, 1},
                                          {1, 1, 0, 1, 1, 0, 0, 0, 0});
    int middle = output;
    for (int i = 0; i < convs; ++i) {
      const int before = middle;
      middle = AddTensor(kTfLiteFloat32, dims);
      small.push_back(AddNode(code, {before, values}, {middle}));
      void* depthwise = &depthwise_params;
      node(small.back()).builtin_data =
          code == kTfLiteBuiltinConv2d ? &params : depthwise;
    }
    const int result = AddTensor(kTfLiteFloat32, dims);
    last = AddPConv2D({middle, weights}, result);
    SetOutputs({result});
  }

  // Whether the small ones are taken. Where not, they say that they gain too
  // little.
  bool TakesSmall(int threads = 1) {
    Options options = TestOptions();
    options.min_speedup = 1.1;
    Selection selection;
    EXPECT_TRUE(SelectNodes(&context(), options, &selection, {}, threads).ok());
    for (const RefusedNode& refused : selection.refused) {
      EXPECT_THAT(refused.reason.message(),
                  HasSubstr("below min_speedup 1.10"));
    }
    if (selection.refused.empty()) return true;
    EXPECT_THAT(selection.nodes, ElementsAre(conv, last));
    return false;
  }

  std::vector<int> small;
  int last;
  TfLiteConvParams params = {kTfLitePaddingSame, 1, 1, kTfLiteActNone, 1, 1};
  TfLiteDepthwiseConvParams depthwise_params = {kTfLitePaddingSame, 1, 1, 1,
                                                kTfLiteActNone,     1, 1};
};

TEST(BetweenNodesTest, ASmallConvolutionIsTakenWhereItWouldPartTheGraph) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  EXPECT_TRUE(SmallConvsGraph(1).TakesSmall());
  SmallConvsGraph unread(1);
  unread.node(unread.last).inputs->data[0] = unread.output;
  EXPECT_FALSE(unread.TakesSmall());
  SmallConvsGraph behind(1);  // what the runtime computes
  const int unknown = behind.AddNode(static_cast<TfLiteBuiltinOperator>(28),
                                     {behind.input}, {behind.output});
  behind.node(behind.conv).outputs->data[0] =
      behind.AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
  behind.SetPlan({unknown, behind.conv, behind.small[0], behind.last});
  EXPECT_FALSE(behind.TakesSmall());
  // Between an input of the graph and a node that is taken.
  SmallConvsGraph first(1);
  first.node(first.small[0]).inputs->data[0] = first.input;
  EXPECT_TRUE(first.TakesSmall());
}

TEST(BetweenNodesTest, ConvolutionsMayLoseTogetherWhatACutCosts) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  // One of them loses more than half of that on two threads.
  constexpr int kSide = 105;
  EXPECT_FALSE(SmallConvsGraph(1, kSide).TakesSmall(1));
  EXPECT_TRUE(SmallConvsGraph(1, kSide).TakesSmall(2));
  EXPECT_FALSE(SmallConvsGraph(2, kSide).TakesSmall(2));
  // The same between an input of the graph and a node that is taken.
  for (int convs : {1, 2}) {
    SmallConvsGraph first(convs, kSide);
    first.node(first.small[0]).inputs->data[0] = first.input;
    EXPECT_EQ(first.TakesSmall(2), convs == 1);
  }
}

TEST(BetweenNodesTest, WhatNoKernelComputesIsNoSmallConvolution) {
  for (int threads : {1, 2}) {
    // Of one channel.
    SmallConvsGraph graph(1, 4, kTfLiteBuiltinDepthwiseConv2d);
    Options options = TestOptions();
    options.min_speedup = 1.1;
    Selection selection;
    ASSERT_TRUE(
        SelectNodes(&graph.context(), options, &selection, {}, threads).ok());
    EXPECT_THAT(selection.nodes, ElementsAre(graph.conv, graph.last));
    ASSERT_EQ(selection.refused.size(), 1u);
    EXPECT_THAT(selection.refused[0].reason.message(), HasSubstr("no kernel"));
  }
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

// An int8 CONV_2D and a pooling of its output.
class PoolGraph : public Conv2DGraph {
 public:
  explicit PoolGraph(TfLiteBuiltinOperator code = kTfLiteBuiltinMaxPool2d) {
    pooled = AddTensor(kTfLiteInt8, {1, 2, 2, 64});
    Quantize(pooled, {0.75f}, {-4});
    pool = AddNode(code, {output}, {pooled});
    node(pool).builtin_data = &pool_params;
    SetOutputs({pooled});
    // As many channels as a kernel wants.
    tensor(output).dims = arrays().Ints({1, 4, 4, 64});
  }

  int pooled, pool;
  TfLitePoolParams pool_params = {kTfLitePaddingValid, 2, 2, 2, 2,
                                  kTfLiteActNone};
};

TEST(BetweenNodesTest, APoolBehindAConvolutionIsTaken) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  const auto takes = [](PoolGraph* graph) { return Takes(graph, graph->pool); };
  for (const auto code :
       {kTfLiteBuiltinMaxPool2d, kTfLiteBuiltinAveragePool2d}) {
    PoolGraph graph(code);
    EXPECT_TRUE(takes(&graph));
    PoolGraph rectangular(code);
    rectangular.pool_params.filter_width = 3;
    EXPECT_FALSE(takes(&rectangular));
    PoolGraph large(code);
    large.pool_params.filter_width = large.pool_params.filter_height = 4;
    EXPECT_EQ(takes(&large), code == kTfLiteBuiltinAveragePool2d);
    PoolGraph without_stride(code);
    without_stride.pool_params.stride_height = 0;
    EXPECT_FALSE(takes(&without_stride));
    PoolGraph rescaled(code);
    rescaled.Quantize(rescaled.pooled, {0.5f}, {-4});
    EXPECT_FALSE(takes(&rescaled));
    PoolGraph without_params(code);
    without_params.node(without_params.pool).builtin_data = nullptr;
    EXPECT_FALSE(takes(&without_params));
    PoolGraph of_input(code);
    of_input.tensor(of_input.input).dims =
        of_input.arrays().Ints({1, 4, 4, 64});
    of_input.node(of_input.pool).inputs =
        of_input.arrays().Ints({of_input.input});
    EXPECT_FALSE(takes(&of_input));
  }
}

// At stride 1, what leaves the region is as large as what came in, unless the
// window is large, too.
TEST(BetweenNodesTest, APoolThatDoesNotShrinkWantsAReader) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  PoolGraph graph(kTfLiteBuiltinAveragePool2d);
  graph.pool_params.stride_height = graph.pool_params.stride_width = 1;
  EXPECT_FALSE(Takes(&graph, graph.pool));
  graph.pool_params.filter_height = graph.pool_params.filter_width = 4;
  EXPECT_TRUE(Takes(&graph, graph.pool));
}

// An int8 CONV_2D and the MEAN of its output.
class MeanGraph : public Conv2DGraph {
 public:
  explicit MeanGraph(const std::vector<int>& axis_numbers = {1, 2},
                     bool keep_dims = false)
      : params_of_mean{keep_dims} {
    means = AddTensor(kTfLiteInt8, {1, 64});
    Quantize(means, {0.25f}, {7});
    axes = AddConstant<int32_t>(
        kTfLiteInt32, {static_cast<int>(axis_numbers.size())}, axis_numbers);
    mean = AddNode(kTfLiteBuiltinMean, {output, axes}, {means});
    node(mean).builtin_data = &params_of_mean;
    SetOutputs({means});
    tensor(output).dims = arrays().Ints({1, 4, 4, 64});
  }

  int means, axes, mean;
  TfLiteReducerParams params_of_mean;
};

TEST(BetweenNodesTest, AMeanOfImagesIsTaken) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  for (const std::vector<int>& axes : std::vector<std::vector<int>>{
           {1, 2}, {2, 1}, {-3, -2}, {1, -2}, {2, 1, 1}}) {
    MeanGraph graph(axes);
    EXPECT_TRUE(Takes(&graph, graph.mean));
  }
}

TEST(BetweenNodesTest, OtherMeansStayWithTheRuntime) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  const auto refusal = [](MeanGraph* graph) {
    return RefusalOf(graph, graph->mean);
  };
  for (const int axis : {0, 3, -1, 5}) {
    MeanGraph graph({1, 2, axis});
    EXPECT_THAT(refusal(&graph), HasSubstr("axis " + std::to_string(axis)));
  }
  for (const std::vector<int>& axes :
       std::vector<std::vector<int>>{{1}, {2, -2}, {}}) {
    MeanGraph graph(axes);
    EXPECT_THAT(refusal(&graph), HasSubstr("height or width"));
  }
  MeanGraph with_axes_of_the_graph;
  with_axes_of_the_graph.tensor(with_axes_of_the_graph.axes).allocation_type =
      kTfLiteArenaRw;
  EXPECT_THAT(refusal(&with_axes_of_the_graph),
              HasSubstr("not a list of constants"));
  // Its shape has one number, its buffer two.
  MeanGraph with_one_axis;
  with_one_axis.tensor(with_one_axis.axes).dims =
      with_one_axis.arrays().Ints({1});
  EXPECT_THAT(refusal(&with_one_axis), HasSubstr("not a list of constants"));
  MeanGraph without_axes;
  without_axes.node(without_axes.mean).inputs =
      without_axes.arrays().Ints({without_axes.output});
  EXPECT_THAT(refusal(&without_axes), HasSubstr("not a list of constants"));
  MeanGraph without_params;
  without_params.node(without_params.mean).builtin_data = nullptr;
  EXPECT_THAT(refusal(&without_params), HasSubstr("no parameters"));
  MeanGraph without_scale;
  without_scale.Quantize(without_scale.means, {}, {});
  EXPECT_THAT(refusal(&without_scale), HasSubstr("int8 output"));
  MeanGraph of_vectors;
  of_vectors.tensor(of_vectors.output).dims =
      of_vectors.arrays().Ints({4, 4, 64});
  EXPECT_THAT(refusal(&of_vectors), HasSubstr("3 dimensions"));
}

}  // namespace
}  // namespace tf_pconv
