#include "delegate/tflite/delegate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/processor.h"
#include "delegate/tests/fake_graph.h"
#include "delegate/tests/fkw_file.h"
#include "delegate/tests/make_delegate.h"
#include "delegate/tflite/partition.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One filter, one channel, all four weights 1 in the upper left 2x2 block.
FkwFile BlockFkw() {
  FkwFile file;
  file.filters = file.channels = 1;
  file.patterns = 1;
  file.kernels = 1;
  file.pattern = {0b000011011};
  file.reorder = {0};
  file.offset = {0, 1};
  file.stride = {0, 1};
  file.index = {0};
  file.float_weight = {1, 1, 1, 1};
  return file;
}

// A graph with one PConv2D of 4x4 inputs: each output is the sum of the pixel
// and its neighbours above, to the left, and between, plus the bias.
class PConv2DGraph : public FakeGraph {
 public:
  explicit PConv2DGraph(const FkwFile& file = BlockFkw()) {
    input = AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
    weights = AddWeights(file.Bytes());
    bias = AddConstant<float>(kTfLiteFloat32, {1}, {0.5f});
    output = AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
    conv = AddPConv2D({input, weights, bias}, output);
    SetOutputs({output});
  }

  int AddWeights(const std::vector<uint8_t>& bytes) {
    return AddConstant<uint8_t>(kTfLiteUInt8, {static_cast<int>(bytes.size())},
                                bytes);
  }

  int AddPConv2D(const std::vector<int>& inputs, int result) {
    const int index = AddNode(kTfLiteBuiltinCustom, inputs, {result});
    registration(index).custom_name = "PConv2D";
    node(index).custom_initial_data = options;
    node(index).custom_initial_data_size = sizeof(options);
    return index;
  }

  int input, weights, bias, output, conv;
  uint8_t options[8] = {1, 0, 1, 1, 1, 1, 0, 0};
};

// A graph with one int8 CONV_2D of 2 channels and 2 filters that follow
// patterns.
class Conv2DGraph : public FakeGraph {
 public:
  Conv2DGraph() {
    input = AddTensor(kTfLiteInt8, {1, 4, 4, 2});
    Quantize(input, {0.5f}, {3});
    std::vector<int8_t> values(2 * 9 * 2, 0);
    for (int tap : {0, 1, 3, 4}) values[tap * 2] = values[18 + tap * 2 + 1] = 9;
    weights = AddConstant<int8_t>(kTfLiteInt8, {2, 3, 3, 2}, values);
    Quantize(weights, {0.1f, 0.2f}, {0, 0});
    bias = AddConstant<int32_t>(kTfLiteInt32, {2}, {5, -5});
    output = AddTensor(kTfLiteInt8, {1, 4, 4, 2});
    Quantize(output, {0.75f}, {-4});
    conv = AddNode(kTfLiteBuiltinConv2d, {input, weights, bias}, {output});
    node(conv).builtin_data = &params;
    SetOutputs({output});
  }

  int input, weights, bias, output, conv;
  TfLiteConvParams params = {kTfLitePaddingSame, 1, 1, kTfLiteActNone, 1, 1};
};

// A graph with one int8 DEPTHWISE_CONV_2D of 16 channels whose weights are
// all 9.
class DepthwiseGraph : public FakeGraph {
 public:
  static constexpr int kChannels = 16;

  DepthwiseGraph() {
    input = AddTensor(kTfLiteInt8, {1, 4, 4, kChannels});
    Quantize(input, {0.5f}, {3});
    weights = AddConstant<int8_t>(kTfLiteInt8, {1, 3, 3, kChannels},
                                  std::vector<int8_t>(9 * kChannels, 9));
    std::vector<float> scales(kChannels, 0.1f);
    scales[1] = 0.2f;
    Quantize(weights, scales, std::vector<int>(kChannels, 0), 3);
    std::vector<int32_t> biases(kChannels, 5);
    biases[1] = -5;
    bias = AddConstant<int32_t>(kTfLiteInt32, {kChannels}, biases);
    output = AddTensor(kTfLiteInt8, {1, 4, 4, kChannels});
    Quantize(output, {0.75f}, {-4});
    conv = AddNode(kTfLiteBuiltinDepthwiseConv2d, {input, weights, bias},
                   {output});
    node(conv).builtin_data = &params;
    SetOutputs({output});
  }

  int input, weights, bias, output, conv;
  TfLiteDepthwiseConvParams params = {kTfLitePaddingSame, 1, 1, 1,
                                      kTfLiteActNone,     1, 1};
};

TEST(DelegateTest, RunsPConv2D) {
  PConv2DGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.conv));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  float* input = graph.data<float>(graph.input);
  for (int i = 0; i < 16; ++i) input[i] = 1;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  const float* output = graph.data<float>(graph.output);
  EXPECT_THAT(std::vector<float>(output, output + 16),
              ElementsAre(1.5, 2.5, 2.5, 2.5,  //
                          2.5, 4.5, 4.5, 4.5,  //
                          2.5, 4.5, 4.5, 4.5,  //
                          2.5, 4.5, 4.5, 4.5));
}

TEST(DelegateTest, TheBiasIsOptional) {
  for (const bool missing : {true, false}) {
    PConv2DGraph graph;
    const std::vector<int> inputs =
        missing ? std::vector<int>{graph.input, graph.weights}
                : std::vector<int>{graph.input, graph.weights,
                                   kTfLiteOptionalTensor};
    graph.node(graph.conv).inputs = graph.arrays().Ints(inputs);
    auto delegate = MakeDelegate();
    ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
    ASSERT_EQ(graph.Prepare(), kTfLiteOk);
    ASSERT_EQ(graph.Invoke(), kTfLiteOk);
    EXPECT_EQ(graph.data<float>(graph.output)[5], 0.0f);
  }
}

TEST(DelegateTest, AdjacentNodesShareARegionAndItsMemory) {
  PConv2DGraph graph;
  // Three nodes in a row; the runtime gives no memory to what lies between.
  const int middle = graph.output;
  const int third = graph.AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
  const int last = graph.AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
  graph.AddPConv2D({middle, graph.weights}, third);
  graph.AddPConv2D({third, graph.weights}, last);
  graph.SetOutputs({last});
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(0, 1, 2));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  ASSERT_EQ(graph.tensor(middle).data, nullptr);
  float* input = graph.data<float>(graph.input);
  for (int i = 0; i < 16; ++i) input[i] = 1;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  // 1.5 at the corner passes unchanged; the sum of the 2x2 block is 9.
  EXPECT_EQ(graph.data<float>(last)[0], 1.5f);
  EXPECT_EQ(graph.data<float>(last)[1], 1.5f + (1.5f + 2.5f));
}

// Sums of each pixel of a 4x4 image with its neighbours above, to the left, and
// between: a PConv2D without bias.
std::vector<float> BlockSums(const std::vector<float>& image) {
  const auto at = [&image](int y, int x) {
    return y < 0 || x < 0 ? 0.0f : image[4 * y + x];
  };
  std::vector<float> sums;
  for (int i = 0; i < 16; ++i) {
    const int y = i / 4, x = i % 4;
    sums.push_back(at(y, x) + at(y, x - 1) + at(y - 1, x) + at(y - 1, x - 1));
  }
  return sums;
}

TEST(DelegateTest, ABufferLivesUntilItsLastReader) {
  PConv2DGraph graph;
  // The output of the first is read by the second and by the last node.
  const int first = graph.output;
  const auto add = [&graph](int input) {
    const int output = graph.AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
    graph.AddPConv2D({input, graph.weights}, output);
    return output;
  };
  const int second = add(first);
  const int third = add(second);
  const int last = add(first);
  graph.SetOutputs({third, last});
  Options options = TestOptions();
  // It writes while it reads, so that no buffer may be both.
  std::string("reference").copy(options.kernel, kMaxKernelName);
  auto delegate = MakeDelegate(options);
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  std::vector<float> image;
  for (int i = 0; i < 16; ++i) image.push_back(i * i % 7);
  std::copy(image.begin(), image.end(), graph.data<float>(graph.input));
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  std::vector<float> sums = BlockSums(image);
  for (float& sum : sums) sum += 0.5f;  // the bias of the first
  const std::vector<float> twice = BlockSums(sums);
  const auto values = [&graph](int tensor) {
    const float* data = graph.data<float>(tensor);
    return std::vector<float>(data, data + 16);
  };
  EXPECT_EQ(values(last), twice);
  EXPECT_EQ(values(third), BlockSums(twice));
}

TEST(DelegateTest, FollowsResizedInputsAndBatches) {
  PConv2DGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk);
  for (const std::vector<int>& shape :
       {std::vector<int>{1, 4, 4, 1}, {3, 7, 2, 1}, {1, 1, 1, 1}}) {
    graph.tensor(graph.input).dims = graph.arrays().Ints(shape);
    ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
    const TfLiteIntArray* dims = graph.tensor(graph.output).dims;
    EXPECT_EQ(std::vector<int>(dims->data, dims->data + dims->size), shape);
    const int pixels = shape[0] * shape[1] * shape[2];
    for (int i = 0; i < pixels; ++i) graph.data<float>(graph.input)[i] = 2;
    ASSERT_EQ(graph.Invoke(), kTfLiteOk);
    EXPECT_EQ(graph.data<float>(graph.output)[pixels - 1],
              pixels == 1 ? 2.5f : 8.5f);
  }
}

TEST(DelegateTest, ImpossibleInputsAreAnErrorWhenPrepared) {
  for (const std::vector<int>& shape :
       {std::vector<int>{1, 4, 4, 3}, {4, 4, 1}, {1, 0, 4, 1}}) {
    PConv2DGraph graph;
    auto delegate = MakeDelegate();
    ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk);
    graph.tensor(graph.input).dims = graph.arrays().Ints(shape);
    EXPECT_EQ(graph.Prepare(), kTfLiteError);
    EXPECT_THAT(graph.error(), HasSubstr("node 0"));
  }
}

TEST(DelegateTest, RunsInt8Conv2D) {
  Conv2DGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.conv));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  int8_t* input = graph.data<int8_t>(graph.input);
  for (int i = 0; i < 32; ++i) input[i] = 3 + (i % 2 ? 2 : 1);
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  // Channel 0: 4 taps * 9 * 1 + 5 = 41; 41 * 0.5 * 0.1 / 0.75 = 2.7 -> 3 - 4.
  // Channel 1: 4 taps * 9 * 2 - 5 = 67; 67 * 0.5 * 0.2 / 0.75 = 8.9 -> 9 - 4.
  const int8_t* output = graph.data<int8_t>(graph.output);
  EXPECT_EQ(output[10], -1);
  EXPECT_EQ(output[11], 5);
}

TEST(DelegateTest, Conv2DTakesOneWeightScaleForAll) {
  Conv2DGraph graph;
  graph.Quantize(graph.weights, {0.1f}, {0});
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk);
  EXPECT_THAT(graph.taken(), ElementsAre(graph.conv));
}

TEST(DelegateTest, Conv2DThatDoesNotPayStaysWithTheRuntime) {
  Options options = TestOptions();
  options.min_speedup = 1e6;
  Conv2DGraph graph;
  Selection selection;
  ASSERT_TRUE(SelectNodes(&graph.context(), options, &selection).ok());
  EXPECT_THAT(selection.operators, IsEmpty());
  ASSERT_EQ(selection.refused.size(), 1u);
  EXPECT_STREQ(selection.refused[0].operator_name, "CONV_2D");
  EXPECT_THAT(selection.refused[0].reason.message(), HasSubstr("min_speedup"));
}

TEST(DelegateTest, SidesThatTheInputDecidesAreNotTakenForSmall) {
  const auto predict = [](const std::vector<int>& signature) {
    Conv2DGraph graph;
    graph.tensor(graph.input).dims = graph.arrays().Ints({1, 1, 1, 2});
    graph.tensor(graph.input).dims_signature = graph.arrays().Ints(signature);
    Selection selection;
    EXPECT_TRUE(SelectNodes(&graph.context(), TestOptions(), &selection).ok());
    return selection.operators.at(0).speedup;
  };
  EXPECT_GT(predict({-1, -1, -1, 2}), predict({-1, 1, 1, 2}));
}

TEST(DelegateTest, RunsDepthwiseConv2D) {
  DepthwiseGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.conv));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  int8_t* input = graph.data<int8_t>(graph.input);
  for (int i = 0; i < 256; ++i) input[i] = 3 + (i % 16 == 1 ? 2 : 1);
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  // Pixel 1, 1. Channel 0: 9 taps * 9 * 1 + 5 = 86; 86 * 0.5 * 0.1 / 0.75
  // = 5.7. Channel 1: 9 taps * 9 * 2 - 5 = 157; 157 * 0.5 * 0.2 / 0.75 = 20.9.
  const int8_t* output = graph.data<int8_t>(graph.output);
  EXPECT_EQ(output[5 * 16], 6 - 4);
  EXPECT_EQ(output[5 * 16 + 1], 21 - 4);
  // A corner sees 4 taps: 4 * 9 + 5 = 41; 41 * 0.5 * 0.1 / 0.75 = 2.7.
  EXPECT_EQ(output[0], 3 - 4);
}

// What keeps a DEPTHWISE_CONV_2D with the runtime, and the reason given.
struct DepthwiseRefusal {
  const char* name;
  std::function<void(DepthwiseGraph*)> change;
  const char* says;
};

class DelegateDepthwiseRefusalTest
    : public testing::TestWithParam<DepthwiseRefusal> {};

TEST_P(DelegateDepthwiseRefusalTest, HasAReason) {
  DepthwiseGraph graph;
  GetParam().change(&graph);
  Selection selection;
  const Status status =
      SelectNodes(&graph.context(), TestOptions(), &selection);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(selection.nodes, IsEmpty());
  ASSERT_EQ(selection.refused.size(), 1u);
  EXPECT_STREQ(selection.refused[0].operator_name, "DEPTHWISE_CONV_2D");
  EXPECT_THAT(selection.refused[0].reason.message(),
              HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, DelegateDepthwiseRefusalTest,
    testing::Values(
        DepthwiseRefusal{
            "no_params",
            [](DepthwiseGraph* g) { g->node(g->conv).builtin_data = nullptr; },
            "no parameters"},
        DepthwiseRefusal{
            "dilation",
            [](DepthwiseGraph* g) { g->params.dilation_height_factor = 2; },
            "dilation is 2x1"},
        DepthwiseRefusal{"stride",
                         [](DepthwiseGraph* g) { g->params.stride_width = 4; },
                         "stride is 1x4"},
        DepthwiseRefusal{"depth_multiplier",
                         [](DepthwiseGraph* g) {
                           g->tensor(g->input).dims =
                               g->arrays().Ints({1, 4, 4, 8});
                         },
                         "8 channels, the depthwise weights have 16"},
        DepthwiseRefusal{"large_kernel",
                         [](DepthwiseGraph* g) {
                           g->tensor(g->weights).dims =
                               g->arrays().Ints({1, 9, 1, 16});
                         },
                         "1x9x1x16; accepted is 1x3x3"},
        DepthwiseRefusal{
            "short_weights",
            [](DepthwiseGraph* g) { g->tensor(g->weights).bytes = 143; },
            "143 bytes"},
        DepthwiseRefusal{"negative_dimension",
                         [](DepthwiseGraph* g) {
                           g->tensor(g->weights).dims =
                               g->arrays().Ints({1, 3, 3, -16});
                         },
                         "the depthwise weights have -16"},
        DepthwiseRefusal{"hybrid",
                         [](DepthwiseGraph* g) {
                           g->tensor(g->weights).type = kTfLiteFloat32;
                         },
                         "the weights are float32, the input is int8"},
        DepthwiseRefusal{"variable_weights",
                         [](DepthwiseGraph* g) {
                           g->tensor(g->weights).allocation_type =
                               kTfLiteArenaRw;
                         },
                         "not constant"},
        DepthwiseRefusal{"scale_dimension",
                         [](DepthwiseGraph* g) {
                           g->Quantize(g->weights, std::vector<float>(16, 1),
                                       std::vector<int>(16, 0), 0);
                         },
                         "dimension 0"},
        DepthwiseRefusal{
            "bias_length",
            [](DepthwiseGraph* g) { g->tensor(g->bias).bytes = 4; },
            "bias has 1 values for 16"}),
    [](const auto& info) { return std::string(info.param.name); });

// What keeps a CONV_2D with the runtime, and the reason given.
struct Refusal {
  const char* name;
  std::function<void(Conv2DGraph*)> change;
  const char* says;
};

class DelegateRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(DelegateRefusalTest, HasAReason) {
  Conv2DGraph graph;
  GetParam().change(&graph);
  Selection selection;
  const Status status =
      SelectNodes(&graph.context(), TestOptions(), &selection);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(selection.nodes, IsEmpty());
  ASSERT_EQ(selection.refused.size(), 1u);
  EXPECT_THAT(selection.refused[0].reason.message(),
              HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, DelegateRefusalTest,
    testing::Values(
        Refusal{"no_params",
                [](Conv2DGraph* g) { g->node(g->conv).builtin_data = nullptr; },
                "no parameters"},
        Refusal{"dilation",
                [](Conv2DGraph* g) { g->params.dilation_width_factor = 2; },
                "dilation is 1x2"},
        Refusal{"stride", [](Conv2DGraph* g) { g->params.stride_height = 3; },
                "stride is 3x1"},
        Refusal{"zero_stride",
                [](Conv2DGraph* g) { g->params.stride_height = 0; },
                "stride is 0x1"},
        Refusal{"padding",
                [](Conv2DGraph* g) {
                  g->params.padding = static_cast<TfLitePadding>(0);
                },
                "padding has number 0"},
        Refusal{"activation",
                [](Conv2DGraph* g) {
                  g->params.activation = static_cast<TfLiteFusedActivation>(4);
                },
                "activation has number 4"},
        Refusal{"no_inputs",
                [](Conv2DGraph* g) { g->node(g->conv).inputs = nullptr; },
                "no weights"},
        Refusal{"no_outputs",
                [](Conv2DGraph* g) { g->node(g->conv).outputs = nullptr; },
                "no output"},
        Refusal{"tensor_out_of_range",
                [](Conv2DGraph* g) { g->node(g->conv).inputs->data[0] = 1000; },
                "no input"},
        Refusal{"weights_out_of_range",
                [](Conv2DGraph* g) { g->node(g->conv).inputs->data[1] = -7; },
                "no weights"},
        Refusal{"uint8",
                [](Conv2DGraph* g) {
                  g->tensor(g->input).type = kTfLiteUInt8;
                  g->tensor(g->output).type = kTfLiteUInt8;
                },
                "uint8"},
        Refusal{"hybrid",
                [](Conv2DGraph* g) {
                  g->tensor(g->input).type = kTfLiteFloat32;
                  g->tensor(g->output).type = kTfLiteFloat32;
                },
                "the weights are int8, the input is float32"},
        Refusal{
            "output_type",
            [](Conv2DGraph* g) { g->tensor(g->output).type = kTfLiteInt16; },
            "int8 and int16"},
        Refusal{"input_rank",
                [](Conv2DGraph* g) {
                  g->tensor(g->input).dims = g->arrays().Ints({4, 4, 2});
                },
                "3 dimensions"},
        Refusal{"no_input_shape",
                [](Conv2DGraph* g) { g->tensor(g->input).dims = nullptr; },
                "0 dimensions"},
        Refusal{"grouped",
                [](Conv2DGraph* g) {
                  g->tensor(g->input).dims = g->arrays().Ints({1, 4, 4, 4});
                },
                "4 channels, the weights have 2"},
        Refusal{"variable_weights",
                [](Conv2DGraph* g) {
                  g->tensor(g->weights).allocation_type = kTfLiteArenaRw;
                },
                "not constant"},
        Refusal{"no_weight_data",
                [](Conv2DGraph* g) { g->tensor(g->weights).data = nullptr; },
                "not constant"},
        Refusal{"short_weights",
                [](Conv2DGraph* g) { g->tensor(g->weights).bytes = 17; },
                "17 bytes"},
        Refusal{"large_kernel",
                [](Conv2DGraph* g) {
                  g->tensor(g->weights).dims = g->arrays().Ints({2, 5, 5, 2});
                },
                "5x5"},
        Refusal{"dense",
                [](Conv2DGraph* g) {
                  auto* values = g->data<int8_t>(g->weights);
                  for (int i = 0; i < 36; ++i) values[i] = 1;
                },
                "keeps 9 weights"},
        Refusal{"no_input_scale",
                [](Conv2DGraph* g) { g->tensor(g->input).quantization = {}; },
                "int8 input"},
        Refusal{"two_output_scales",
                [](Conv2DGraph* g) { g->Quantize(g->output, {1, 2}, {0, 0}); },
                "int8 output"},
        Refusal{"null_quantization",
                [](Conv2DGraph* g) {
                  g->tensor(g->weights).quantization.params = nullptr;
                },
                "no scales"},
        Refusal{"weight_zero_point",
                [](Conv2DGraph* g) { g->Quantize(g->weights, {1, 1}, {0, 3}); },
                "zero point 3"},
        Refusal{"scale_count",
                [](Conv2DGraph* g) {
                  g->Quantize(g->weights, {1, 1, 1}, {0, 0, 0});
                },
                "3 scales"},
        Refusal{
            "scale_dimension",
            [](Conv2DGraph* g) { g->Quantize(g->weights, {1, 1}, {0, 0}, 3); },
            "dimension 3"},
        Refusal{"zero_scale",
                [](Conv2DGraph* g) { g->Quantize(g->input, {0}, {0}); },
                "scale"},
        Refusal{"zero_point_range",
                [](Conv2DGraph* g) { g->Quantize(g->input, {1}, {300}); },
                "300"},
        Refusal{
            "bias_type",
            [](Conv2DGraph* g) { g->tensor(g->bias).type = kTfLiteFloat32; },
            "bias is float32, expected int32"},
        Refusal{"bias_length",
                [](Conv2DGraph* g) { g->tensor(g->bias).bytes = 4; },
                "bias has 1 values"},
        Refusal{"variable_bias",
                [](Conv2DGraph* g) {
                  g->tensor(g->bias).allocation_type = kTfLiteArenaRw;
                },
                "bias is not constant"}),
    [](const auto& info) { return std::string(info.param.name); });

// What is wrong with a PConv2D, and what the error says.
struct BadPConv2D {
  const char* name;
  std::function<void(PConv2DGraph*)> change;
  const char* says;
};

class DelegateBadPConv2DTest : public testing::TestWithParam<BadPConv2D> {};

TEST_P(DelegateBadPConv2DTest, IsAnErrorWithAReason) {
  PConv2DGraph graph;
  GetParam().change(&graph);
  auto delegate = MakeDelegate();
  EXPECT_EQ(graph.Delegate(delegate.get()), kTfLiteError);
  EXPECT_THAT(graph.taken(), IsEmpty());
  EXPECT_THAT(graph.error(), HasSubstr("tf_pconv: PConv2D node 0"));
  EXPECT_THAT(graph.error(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Errors, DelegateBadPConv2DTest,
    testing::Values(
        BadPConv2D{
            "version",
            [](PConv2DGraph* g) { g->registration(g->conv).version = 2; },
            "version 2"},
        BadPConv2D{"no_options",
                   [](PConv2DGraph* g) {
                     g->node(g->conv).custom_initial_data = nullptr;
                   },
                   "0 bytes, expected 8"},
        BadPConv2D{"short_options",
                   [](PConv2DGraph* g) {
                     g->node(g->conv).custom_initial_data_size = 7;
                   },
                   "7 bytes, expected 8"},
        BadPConv2D{"options_version",
                   [](PConv2DGraph* g) { g->options[0] = 2; }, "version 2"},
        BadPConv2D{"padding", [](PConv2DGraph* g) { g->options[1] = 2; },
                   "padding is 2"},
        BadPConv2D{"stride", [](PConv2DGraph* g) { g->options[2] = 3; },
                   "stride is 3x1"},
        BadPConv2D{"dilation", [](PConv2DGraph* g) { g->options[5] = 2; },
                   "dilation is 1x2"},
        BadPConv2D{"activation", [](PConv2DGraph* g) { g->options[6] = 9; },
                   "activation has number 9"},
        BadPConv2D{"builtin", [](PConv2DGraph* g) { g->options[7] = 2; },
                   "stands for operator 2"},
        BadPConv2D{"fully_connected_3x3",
                   [](PConv2DGraph* g) { g->options[7] = 1; },
                   "1x1 kernels and stride 1, not 3x3 and 1x1"},
        BadPConv2D{"broken_fkw",
                   [](PConv2DGraph* g) { g->tensor(g->weights).bytes -= 1; },
                   "FKW"},
        BadPConv2D{
            "weights_type",
            [](PConv2DGraph* g) { g->tensor(g->weights).type = kTfLiteInt8; },
            "constant of type uint8"},
        BadPConv2D{"weights_variable",
                   [](PConv2DGraph* g) {
                     g->tensor(g->weights).allocation_type = kTfLiteArenaRw;
                   },
                   "constant of type uint8"},
        BadPConv2D{"no_inputs",
                   [](PConv2DGraph* g) {
                     g->node(g->conv).inputs = g->arrays().Ints({});
                   },
                   "no input"},
        BadPConv2D{"weights_missing",
                   [](PConv2DGraph* g) {
                     g->node(g->conv).inputs = g->arrays().Ints({0});
                   },
                   "constant of type uint8"},
        BadPConv2D{"type_mismatch",
                   [](PConv2DGraph* g) {
                     for (int index : {g->input, g->output}) {
                       g->tensor(index).type = kTfLiteInt8;
                       g->Quantize(index, {1}, {0});
                     }
                   },
                   "differ in type"},
        BadPConv2D{"bias",
                   [](PConv2DGraph* g) { g->tensor(g->bias).bytes = 8; },
                   "bias has 2 values"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(DelegateTest, UnknownKernelIsAnError) {
  Options options = TestOptions();
  std::string("no-such-kernel").copy(options.kernel, kMaxKernelName);
  Status status;
  EXPECT_EQ(CreateDelegate(options, &status), nullptr);
  EXPECT_THAT(status.message(), HasSubstr("'no-such-kernel'"));
}

// A tuning file for this processor.
class TuningFile {
 public:
  explicit TuningFile(const std::string& layers)
      : path_(testing::TempDir() + "tuning.txt") {
    std::ofstream(path_) << "tf_pconv tuning 1\nprocessor "
                         << ProcessorName().text << "\n"
                         << layers;
  }
  ~TuningFile() { std::remove(path_.c_str()); }

  Options options() const {
    Options options = TestOptions();
    path_.copy(options.tuning, kMaxPath);
    return options;
  }

 private:
  const std::string path_;
};

// That of Conv2DGraph on a thread.
constexpr char kConv2DLayer[] = "layer qs8-3x3-c2-f2-g1-n2-s1x1-same-i1x4x4-t1";

TEST(DelegateTest, AMeasuredGainReplacesThePrediction) {
  for (const double gain : {1.5, 2.5}) {
    const TuningFile file(kConv2DLayer + (" gain=" + std::to_string(gain)));
    Options options = file.options();
    options.num_threads = 1;
    options.min_speedup = 2;
    Conv2DGraph graph;
    ASSERT_EQ(graph.Delegate(MakeDelegate(options).get()), kTfLiteOk);
    EXPECT_EQ(graph.taken().size(), gain > 2 ? 1 : 0);
  }
}

TEST(DelegateTest, TunedKernelsAreUsedWhereTheyCanRun) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "needs AVX2";
  for (const char* kernel : {"qs8-pconv-g1-p16-avx2", "no-such-kernel"}) {
    const TuningFile file(kConv2DLayer + (" kernel=" + std::string(kernel)));
    Options options = file.options();
    options.num_threads = 1;
    options.log_level = LogLevel::kVerbose;
    Conv2DGraph graph;
    testing::internal::CaptureStderr();
    ASSERT_EQ(graph.Delegate(MakeDelegate(options).get()), kTfLiteOk);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_EQ(graph.taken().size(), 1);
    if (kernel == std::string("no-such-kernel")) {
      EXPECT_THAT(log, HasSubstr("ignores its tuning, tune it again: kernel "
                                 "\"no-such-kernel\" is not one"));
    } else {
      EXPECT_THAT(log, HasSubstr("runs kernel qs8-pconv-g1-p16-avx2"));
    }
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(DelegateTest, AProfileHasTheRunsOfEachLayerButTheFirst) {
  const std::string path = testing::TempDir() + "profile.json";
  Options options = TestOptions();
  path.copy(options.profile, kMaxPath);
  {
    PConv2DGraph graph;
    graph.tensor(graph.output).name = "conv;bias";
    auto delegate = MakeDelegate(options);
    ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
    ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
    for (int i = 0; i < 4; ++i) ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  }
  const std::string text = ReadFile(path);
  EXPECT_THAT(text, HasSubstr("{\"threads\": 1, \"runs\": 3, "));
  EXPECT_THAT(text, HasSubstr("{\"node\": 0, \"operator\": \"PConv2D\", "));
  EXPECT_THAT(text, HasSubstr("\"name\": \"conv;bias\", "
                              "\"input_shape\": [1, 4, 4, 1], "
                              "\"output_shape\": [1, 4, 4, 1], \"kernel\": "));
  std::remove(path.c_str());
}

TEST(DelegateTest, AProfileThatCannotBeWrittenIsAnError) {
  Options options = TestOptions();
  std::string("/no/such/folder/profile.json").copy(options.profile, kMaxPath);
  Status status;
  EXPECT_EQ(CreateDelegate(options, &status), nullptr);
  EXPECT_THAT(status.message(),
              HasSubstr("profile '/no/such/folder/profile.json' cannot be "
                        "written: No such file or directory"));
}

TEST(DelegateTest, RefusedOptionsLeaveAnOldProfileAlone) {
  const std::string path = testing::TempDir() + "old.json";
  std::ofstream(path) << "old";
  Options options = TestOptions();
  path.copy(options.profile, kMaxPath);
  std::string("no-such-kernel").copy(options.kernel, kMaxKernelName);
  Status status;
  EXPECT_EQ(CreateDelegate(options, &status), nullptr);
  EXPECT_EQ(ReadFile(path), "old");
  std::remove(path.c_str());
}

TEST(DelegateTest, UnreadableTuningIsAnError) {
  Options options = TestOptions();
  std::string("/no/such/file").copy(options.tuning, kMaxPath);
  Status status;
  EXPECT_EQ(CreateDelegate(options, &status), nullptr);
  EXPECT_THAT(status.message(), HasSubstr("'/no/such/file' cannot be read"));

  const TuningFile file("layer\n");
  EXPECT_EQ(CreateDelegate(file.options(), &status), nullptr);
  EXPECT_THAT(status.message(), HasSubstr("tuning.txt' is malformed: line 3"));
}

TEST(DelegateTest, EmptyDelegationIsAnErrorWhereRequired) {
  Options options = TestOptions();
  options.require_delegation = true;
  FakeGraph empty;
  EXPECT_EQ(empty.Delegate(MakeDelegate(options).get()), kTfLiteError);
  EXPECT_THAT(empty.error(), HasSubstr("require_delegation"));

  Conv2DGraph graph;
  graph.params.dilation_height_factor = 2;
  EXPECT_EQ(graph.Delegate(MakeDelegate(options).get()), kTfLiteError);
  EXPECT_THAT(graph.error(), HasSubstr("none of 1 nodes"));
  EXPECT_EQ(graph.Delegate(MakeDelegate().get()), kTfLiteOk);
}

// The graphs of a model come one after the other.
TEST(DelegateTest, OneDelegatedGraphIsEnoughForLaterOnes) {
  Options options = TestOptions();
  options.require_delegation = true;
  auto delegate = MakeDelegate(options);
  PConv2DGraph first;
  ASSERT_EQ(first.Delegate(delegate.get()), kTfLiteOk) << first.error();
  for (int i = 0; i < 2; ++i) {
    FakeGraph empty;
    EXPECT_EQ(empty.Delegate(delegate.get()), kTfLiteOk) << empty.error();
  }
}

TEST(DelegateTest, OneDelegateServesSeveralGraphs) {
  auto delegate = MakeDelegate();
  PConv2DGraph first, second;
  ASSERT_EQ(first.Delegate(delegate.get()), kTfLiteOk);
  ASSERT_EQ(second.Delegate(delegate.get()), kTfLiteOk);
  EXPECT_THAT(second.taken(), ElementsAre(second.conv));
  const auto run = [](PConv2DGraph* graph, float value) {
    ASSERT_EQ(graph->Prepare(), kTfLiteOk);
    for (int i = 0; i < 16; ++i) graph->data<float>(graph->input)[i] = value;
    for (int round = 0; round < 100; ++round) {
      ASSERT_EQ(graph->Invoke(), kTfLiteOk);
      ASSERT_EQ(graph->data<float>(graph->output)[15], 4 * value + 0.5f);
    }
  };
  std::thread other(run, &first, 1.0f);
  run(&second, 2.0f);
  other.join();
}

// A CONV_2D whose weights come out of a DENSIFY.
class DensifyGraph : public Conv2DGraph {
 public:
  DensifyGraph() {
    // Tensors of the parent: its weights become the result of DENSIFY.
    values_.assign(data<int8_t>(weights), data<int8_t>(weights) + 36);
    compressed = AddConstant<int8_t>(kTfLiteInt8, {2, 3, 3, 2}, values_);
    Quantize(compressed, {0.1f, 0.2f}, {0, 0});
    metadata_.resize(4);
    const int dims[] = {2, 3, 3, 2};
    for (int i = 0; i < 4; ++i) {
      metadata_[i] = {kTfLiteDimDense, dims[i], nullptr, nullptr};
    }
    sparsity_ = {arrays().Ints({0, 1, 2, 3}), nullptr, metadata_.data(), 4};
    tensor(compressed).sparsity = &sparsity_;
    tensor(weights).allocation_type = kTfLiteArenaRw;
    tensor(weights).data = nullptr;
    densify = AddNode(kTfLiteBuiltinDensify, {compressed}, {weights});
  }

  int compressed, densify;

 private:
  std::vector<int8_t> values_;
  std::vector<TfLiteDimensionMetadata> metadata_;
  TfLiteSparsity sparsity_;
};

TEST(DelegateTest, TakesDensifyWithItsConvolution) {
  DensifyGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.conv, graph.densify));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk);
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  Conv2DGraph dense;
  ASSERT_EQ(dense.Delegate(delegate.get()), kTfLiteOk);
  ASSERT_EQ(dense.Prepare(), kTfLiteOk);
  ASSERT_EQ(dense.Invoke(), kTfLiteOk);
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(graph.data<int8_t>(graph.output)[i],
              dense.data<int8_t>(dense.output)[i]);
  }
}

TEST(DelegateTest, DensifyThatOthersReadStaysWithTheRuntime) {
  DensifyGraph graph;
  const int copy = graph.AddTensor(kTfLiteInt8, {2, 3, 3, 2});
  graph.AddNode(static_cast<TfLiteBuiltinOperator>(0), {graph.weights}, {copy});
  Selection selection;
  ASSERT_TRUE(SelectNodes(&graph.context(), TestOptions(), &selection).ok());
  EXPECT_THAT(selection.nodes, ElementsAre(graph.conv));
}

TEST(DelegateTest, MalformedDensifyStaysWithTheRuntime) {
  DensifyGraph graph;
  graph.tensor(graph.compressed).bytes = 35;
  Selection selection;
  ASSERT_TRUE(SelectNodes(&graph.context(), TestOptions(), &selection).ok());
  EXPECT_THAT(selection.nodes, IsEmpty());
  EXPECT_THAT(selection.refused[0].reason.message(), HasSubstr("sparse"));
}

TEST(DelegateTest, DestroyingNullIsAllowed) { DestroyDelegate(nullptr); }

}  // namespace
}  // namespace tf_pconv
