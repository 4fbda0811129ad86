// Convolutions of a graph that the delegate cannot take, and what it says.

#include "delegate/tflite/conv_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "delegate/tests/conv_graphs.h"
#include "delegate/tests/make_delegate.h"
#include "delegate/tests/refusals.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using DepthwiseChange = Change<DepthwiseGraph>;

class DepthwiseRefusalTest : public testing::TestWithParam<DepthwiseChange> {};

TEST_P(DepthwiseRefusalTest, HasAReason) {
  ExpectRefusal(GetParam(), "DEPTHWISE_CONV_2D");
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, DepthwiseRefusalTest,
    testing::Values(
        DepthwiseChange{
            "no_params",
            [](DepthwiseGraph* g) { g->node(g->conv).builtin_data = nullptr; },
            "no parameters"},
        DepthwiseChange{
            "dilation",
            [](DepthwiseGraph* g) { g->params.dilation_height_factor = 2; },
            "dilation is 2x1"},
        DepthwiseChange{"stride",
                        [](DepthwiseGraph* g) { g->params.stride_width = 4; },
                        "stride is 1x4"},
        DepthwiseChange{"depth_multiplier",
                        [](DepthwiseGraph* g) {
                          g->tensor(g->input).dims =
                              g->arrays().Ints({1, 4, 4, 8});
                        },
                        "8 channels, the depthwise weights have 16"},
        DepthwiseChange{"large_kernel",
                        [](DepthwiseGraph* g) {
                          g->tensor(g->weights).dims =
                              g->arrays().Ints({1, 9, 1, 16});
                        },
                        "1x9x1x16; accepted are 1x3x3 and 1x5x5"},
        DepthwiseChange{"even_kernel",
                        [](DepthwiseGraph* g) {
                          g->tensor(g->weights).dims =
                              g->arrays().Ints({1, 4, 4, 16});
                        },
                        "1x4x4x16; accepted are 1x3x3 and 1x5x5"},
        DepthwiseChange{
            "short_weights",
            [](DepthwiseGraph* g) { g->tensor(g->weights).bytes = 143; },
            "143 bytes"},
        DepthwiseChange{"negative_dimension",
                        [](DepthwiseGraph* g) {
                          g->tensor(g->weights).dims =
                              g->arrays().Ints({1, 3, 3, -16});
                        },
                        "the depthwise weights have -16"},
        DepthwiseChange{"hybrid",
                        [](DepthwiseGraph* g) {
                          g->tensor(g->weights).type = kTfLiteFloat32;
                        },
                        "the weights are float32, the input is int8"},
        DepthwiseChange{"variable_weights",
                        [](DepthwiseGraph* g) {
                          g->tensor(g->weights).allocation_type =
                              kTfLiteArenaRw;
                        },
                        "not constant"},
        DepthwiseChange{"scale_dimension",
                        [](DepthwiseGraph* g) {
                          g->Quantize(g->weights, std::vector<float>(16, 1),
                                      std::vector<int>(16, 0), 0);
                        },
                        "dimension 0"},
        DepthwiseChange{"bias_length",
                        [](DepthwiseGraph* g) { g->tensor(g->bias).bytes = 4; },
                        "bias has 1 values for 16"}),
    NameOf<DepthwiseGraph>);

using Conv2DChange = Change<Conv2DGraph>;

class Conv2DRefusalTest : public testing::TestWithParam<Conv2DChange> {};

TEST_P(Conv2DRefusalTest, HasAReason) { ExpectRefusal(GetParam(), "CONV_2D"); }

INSTANTIATE_TEST_SUITE_P(
    Reasons, Conv2DRefusalTest,
    testing::Values(
        Conv2DChange{
            "no_params",
            [](Conv2DGraph* g) { g->node(g->conv).builtin_data = nullptr; },
            "no parameters"},
        Conv2DChange{
            "dilation",
            [](Conv2DGraph* g) { g->params.dilation_width_factor = 2; },
            "dilation is 1x2"},
        Conv2DChange{"stride",
                     [](Conv2DGraph* g) { g->params.stride_height = 3; },
                     "stride is 3x1"},
        Conv2DChange{"zero_stride",
                     [](Conv2DGraph* g) { g->params.stride_height = 0; },
                     "stride is 0x1"},
        Conv2DChange{"padding",
                     [](Conv2DGraph* g) {
                       g->params.padding = static_cast<TfLitePadding>(0);
                     },
                     "padding has number 0"},
        Conv2DChange{"activation",
                     [](Conv2DGraph* g) {
                       g->params.activation =
                           static_cast<TfLiteFusedActivation>(4);
                     },
                     "activation has number 4"},
        Conv2DChange{"no_inputs",
                     [](Conv2DGraph* g) { g->node(g->conv).inputs = nullptr; },
                     "no weights"},
        Conv2DChange{"no_outputs",
                     [](Conv2DGraph* g) { g->node(g->conv).outputs = nullptr; },
                     "no output"},
        Conv2DChange{
            "tensor_out_of_range",
            [](Conv2DGraph* g) { g->node(g->conv).inputs->data[0] = 1000; },
            "no input"},
        Conv2DChange{
            "weights_out_of_range",
            [](Conv2DGraph* g) { g->node(g->conv).inputs->data[1] = -7; },
            "no weights"},
        Conv2DChange{"uint8",
                     [](Conv2DGraph* g) {
                       g->tensor(g->input).type = kTfLiteUInt8;
                       g->tensor(g->output).type = kTfLiteUInt8;
                     },
                     "uint8"},
        Conv2DChange{"hybrid",
                     [](Conv2DGraph* g) {
                       g->tensor(g->input).type = kTfLiteFloat32;
                       g->tensor(g->output).type = kTfLiteFloat32;
                     },
                     "the weights are int8, the input is float32"},
        Conv2DChange{
            "output_type",
            [](Conv2DGraph* g) { g->tensor(g->output).type = kTfLiteInt16; },
            "int8 and int16"},
        Conv2DChange{"input_rank",
                     [](Conv2DGraph* g) {
                       g->tensor(g->input).dims = g->arrays().Ints({4, 4, 2});
                     },
                     "3 dimensions"},
        Conv2DChange{"no_input_shape",
                     [](Conv2DGraph* g) { g->tensor(g->input).dims = nullptr; },
                     "0 dimensions"},
        Conv2DChange{"grouped",
                     [](Conv2DGraph* g) {
                       g->tensor(g->input).dims =
                           g->arrays().Ints({1, 4, 4, 4});
                     },
                     "4 channels, the weights have 2"},
        Conv2DChange{"variable_weights",
                     [](Conv2DGraph* g) {
                       g->tensor(g->weights).allocation_type = kTfLiteArenaRw;
                     },
                     "not constant"},
        Conv2DChange{
            "no_weight_data",
            [](Conv2DGraph* g) { g->tensor(g->weights).data = nullptr; },
            "not constant"},
        Conv2DChange{"short_weights",
                     [](Conv2DGraph* g) { g->tensor(g->weights).bytes = 17; },
                     "17 bytes"},
        Conv2DChange{"large_kernel",
                     [](Conv2DGraph* g) {
                       g->tensor(g->weights).dims =
                           g->arrays().Ints({2, 5, 5, 2});
                     },
                     "5x5"},
        Conv2DChange{"dense",
                     [](Conv2DGraph* g) {
                       auto* values = g->data<int8_t>(g->weights);
                       for (int i = 0; i < 36; ++i) values[i] = 1;
                     },
                     "keeps 9 weights"},
        Conv2DChange{
            "no_input_scale",
            [](Conv2DGraph* g) { g->tensor(g->input).quantization = {}; },
            "int8 input"},
        Conv2DChange{
            "two_output_scales",
            [](Conv2DGraph* g) { g->Quantize(g->output, {1, 2}, {0, 0}); },
            "int8 output"},
        Conv2DChange{"null_quantization",
                     [](Conv2DGraph* g) {
                       g->tensor(g->weights).quantization.params = nullptr;
                     },
                     "no scales"},
        Conv2DChange{
            "weight_zero_point",
            [](Conv2DGraph* g) { g->Quantize(g->weights, {1, 1}, {0, 3}); },
            "zero point 3"},
        Conv2DChange{"scale_count",
                     [](Conv2DGraph* g) {
                       g->Quantize(g->weights, {1, 1, 1}, {0, 0, 0});
                     },
                     "3 scales"},
        Conv2DChange{
            "scale_dimension",
            [](Conv2DGraph* g) { g->Quantize(g->weights, {1, 1}, {0, 0}, 3); },
            "dimension 3"},
        Conv2DChange{"zero_scale",
                     [](Conv2DGraph* g) { g->Quantize(g->input, {0}, {0}); },
                     "scale"},
        Conv2DChange{"zero_point_range",
                     [](Conv2DGraph* g) { g->Quantize(g->input, {1}, {300}); },
                     "300"},
        Conv2DChange{
            "bias_type",
            [](Conv2DGraph* g) { g->tensor(g->bias).type = kTfLiteFloat32; },
            "bias is float32, expected int32"},
        Conv2DChange{"bias_length",
                     [](Conv2DGraph* g) { g->tensor(g->bias).bytes = 4; },
                     "bias has 1 values"},
        Conv2DChange{"variable_bias",
                     [](Conv2DGraph* g) {
                       g->tensor(g->bias).allocation_type = kTfLiteArenaRw;
                     },
                     "bias is not constant"}),
    NameOf<Conv2DGraph>);

using StemChange = Change<StemGraph>;

class StemRefusalTest : public testing::TestWithParam<StemChange> {};

TEST_P(StemRefusalTest, HasAReason) { ExpectRefusal(GetParam(), "CONV_2D"); }

INSTANTIATE_TEST_SUITE_P(
    Reasons, StemRefusalTest,
    testing::Values(
        StemChange{"stride", [](StemGraph* g) { g->params.stride_width = 33; },
                   "stride is 3x33; accepted are 1 to 32"},
        StemChange{"zero_stride",
                   [](StemGraph* g) { g->params.stride_height = 0; },
                   "stride is 0x3"},
        StemChange{"large_kernel",
                   [](StemGraph* g) {
                     g->tensor(g->weights).dims =
                         g->arrays().Ints({16, 1, 33, 3});
                   },
                   "kernels are 1x33; accepted are 1x1 to 32x32"},
        StemChange{"negative_kernel",
                   [](StemGraph* g) {
                     g->tensor(g->weights).dims =
                         g->arrays().Ints({16, -2, 3, 3});
                   },
                   "kernels are -2x3"},
        StemChange{"no_filters",
                   [](StemGraph* g) {
                     g->tensor(g->weights).dims =
                         g->arrays().Ints({0, 2, 3, 3});
                   },
                   "0 filters"},
        StemChange{"few_filters",
                   [](StemGraph* g) {
                     g->tensor(g->weights).dims =
                         g->arrays().Ints({15, 2, 3, 3});
                   },
                   "stride is 3x3; accepted are 1 to 2"},
        StemChange{"many_channels",
                   [](StemGraph* g) {
                     g->params.stride_height = g->params.stride_width = 1;
                     g->tensor(g->input).dims = g->arrays().Ints({1, 5, 6, 9});
                     g->tensor(g->weights).dims =
                         g->arrays().Ints({16, 2, 3, 9});
                   },
                   "kernels are 2x3; accepted are 3x3 and 1x1"},
        StemChange{"grouped",
                   [](StemGraph* g) {
                     g->tensor(g->input).dims = g->arrays().Ints({1, 5, 6, 6});
                   },
                   "6 channels, the weights have 3"},
        StemChange{"short_weights",
                   [](StemGraph* g) { g->tensor(g->weights).bytes = 287; },
                   "287 bytes"},
        StemChange{
            "scale_count",
            [](StemGraph* g) { g->Quantize(g->weights, {1, 1, 1}, {0, 0, 0}); },
            "3 scales"}),
    NameOf<StemGraph>);

// Neither patterns nor square kernels nor small strides.
TEST(StemTest, IsTaken) {
  StemGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.conv));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  auto* input = graph.data<int8_t>(graph.input);
  std::fill_n(input, 5 * 6 * 3, int8_t{3});  // the zero point
  input[(3 * 6 + 4) * 3] = 4;                // of the last window
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  const auto* output = graph.data<int8_t>(graph.output);
  for (int i = 0; i < 3 * StemGraph::kFilters; ++i) EXPECT_EQ(output[i], -4);
  // 9 * 0.5 * 0.1 / 0.75 is 0.6.
  for (int i = 0; i < StemGraph::kFilters; ++i) {
    EXPECT_EQ(output[3 * StemGraph::kFilters + i], -3);
  }
}

using PConv2DChange = Change<PConv2DGraph>;

class PConv2DErrorTest : public testing::TestWithParam<PConv2DChange> {};

// No runtime could run it instead.
TEST_P(PConv2DErrorTest, HasAReason) {
  PConv2DGraph graph;
  GetParam().apply(&graph);
  auto delegate = MakeDelegate();
  EXPECT_EQ(graph.Delegate(delegate.get()), kTfLiteError);
  EXPECT_THAT(graph.taken(), IsEmpty());
  EXPECT_THAT(graph.error(), HasSubstr("tf_pconv: PConv2D node 0"));
  EXPECT_THAT(graph.error(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Errors, PConv2DErrorTest,
    testing::Values(
        PConv2DChange{
            "version",
            [](PConv2DGraph* g) { g->registration(g->conv).version = 2; },
            "version 2"},
        PConv2DChange{"no_options",
                      [](PConv2DGraph* g) {
                        g->node(g->conv).custom_initial_data = nullptr;
                      },
                      "0 bytes, expected 8"},
        PConv2DChange{"short_options",
                      [](PConv2DGraph* g) {
                        g->node(g->conv).custom_initial_data_size = 7;
                      },
                      "7 bytes, expected 8"},
        PConv2DChange{"options_version",
                      [](PConv2DGraph* g) { g->options[0] = 2; }, "version 2"},
        PConv2DChange{"padding", [](PConv2DGraph* g) { g->options[1] = 2; },
                      "padding is 2"},
        PConv2DChange{"stride", [](PConv2DGraph* g) { g->options[2] = 3; },
                      "stride is 3x1"},
        PConv2DChange{"dilation", [](PConv2DGraph* g) { g->options[5] = 2; },
                      "dilation is 1x2"},
        PConv2DChange{"activation", [](PConv2DGraph* g) { g->options[6] = 9; },
                      "activation has number 9"},
        PConv2DChange{"builtin", [](PConv2DGraph* g) { g->options[7] = 2; },
                      "stands for operator 2"},
        PConv2DChange{"fully_connected_3x3",
                      [](PConv2DGraph* g) { g->options[7] = 1; },
                      "1x1 kernels and stride 1, not 3x3 and 1x1"},
        PConv2DChange{"broken_fkw",
                      [](PConv2DGraph* g) { g->tensor(g->weights).bytes -= 1; },
                      "FKW"},
        PConv2DChange{
            "weights_type",
            [](PConv2DGraph* g) { g->tensor(g->weights).type = kTfLiteInt8; },
            "constant of type uint8"},
        PConv2DChange{"weights_variable",
                      [](PConv2DGraph* g) {
                        g->tensor(g->weights).allocation_type = kTfLiteArenaRw;
                      },
                      "constant of type uint8"},
        PConv2DChange{"no_inputs",
                      [](PConv2DGraph* g) {
                        g->node(g->conv).inputs = g->arrays().Ints({});
                      },
                      "no input"},
        PConv2DChange{"weights_missing",
                      [](PConv2DGraph* g) {
                        g->node(g->conv).inputs = g->arrays().Ints({0});
                      },
                      "constant of type uint8"},
        PConv2DChange{"type_mismatch",
                      [](PConv2DGraph* g) {
                        for (int index : {g->input, g->output}) {
                          g->tensor(index).type = kTfLiteInt8;
                          g->Quantize(index, {1}, {0});
                        }
                      },
                      "differ in type"},
        PConv2DChange{"bias",
                      [](PConv2DGraph* g) { g->tensor(g->bias).bytes = 8; },
                      "bias has 2 values"}),
    NameOf<PConv2DGraph>);

}  // namespace
}  // namespace tf_pconv
