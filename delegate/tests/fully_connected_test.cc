// FULLY_CONNECTED, which is a 1x1 convolution: what is taken, and the shapes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "delegate/tests/fake_graph.h"
#include "delegate/tests/make_delegate.h"
#include "delegate/tests/refusals.h"
#include "delegate/tflite/partition.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;

// A graph with one int8 FULLY_CONNECTED of 4 channels and 2 filters that keep a
// weight each: 3 of channel 1, and 5 of channel 2.
class FullyConnectedGraph : public FakeGraph {
 public:
  explicit FullyConnectedGraph(const std::vector<int>& dims = {1, 4}) {
    input = AddTensor(kTfLiteInt8, dims);
    Quantize(input, {0.5f}, {3});
    weights = AddConstant<int8_t>(kTfLiteInt8, {2, 4},  //
                                  {0, 3, 0, 0, 0, 0, 5, 0});
    Quantize(weights, {0.5f, 0.25f}, {0, 0});
    bias = AddConstant<int32_t>(kTfLiteInt32, {2}, {4, -4});
    output = AddTensor(kTfLiteInt8, {1, 2});
    Quantize(output, {1.0f}, {-1});
    layer =
        AddNode(kTfLiteBuiltinFullyConnected, {input, weights, bias}, {output});
    node(layer).builtin_data = &params;
    SetOutputs({output});
  }

  std::vector<int> OutputDims() {
    const TfLiteIntArray* dims = tensor(output).dims;
    return std::vector<int>(dims->data, dims->data + dims->size);
  }

  int input, weights, bias, output, layer;
  TfLiteFullyConnectedParams params = {
      kTfLiteActNone, kTfLiteFullyConnectedWeightsFormatDefault, false};
};

TEST(FullyConnectedTest, Runs) {
  FullyConnectedGraph graph({2, 4});
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.layer));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.OutputDims(), ElementsAre(2, 2));
  int8_t* input = graph.data<int8_t>(graph.input);
  for (int i = 0; i < 8; ++i) input[i] = 3 + i;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  const int8_t* output = graph.data<int8_t>(graph.output);
  // Row 0: (3 * 1 + 4) * 0.25 = 1.75 -> 2 - 1, (5 * 2 - 4) / 8 = 0.75 -> 1 - 1.
  // Row 1: (3 * 5 + 4) * 0.25 = 4.75 -> 5 - 1, (5 * 6 - 4) / 8 = 3.25 -> 3 - 1.
  EXPECT_THAT(std::vector<int8_t>(output, output + 4), ElementsAre(1, 0, 4, 2));
}

// TFLite rounds the outputs of fully-connected layers once, those of
// convolutions twice: to a fraction of six bits with this multiplier.
TEST(FullyConnectedTest, RoundsOnce) {
  FullyConnectedGraph graph;
  graph.Quantize(graph.output, {16.125f}, {0});
  graph.data<int32_t>(graph.bias)[0] = 5;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  ASSERT_EQ(graph.Prepare(), kTfLiteOk);
  // (3 * 52 + 5) * 0.25 / 16.125 = 2.496, which is 2.5 in six bits.
  graph.data<int8_t>(graph.input)[1] = 3 + 52;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  EXPECT_EQ(graph.data<int8_t>(graph.output)[0], 2);
}

TEST(FullyConnectedTest, KeepsOrFlattensDimensions) {
  struct Case {
    std::vector<int> input;
    bool keep;
    std::vector<int> output;
  };
  for (const Case& test :
       {Case{{3, 4}, true, {3, 2}}, Case{{2, 5, 4}, true, {2, 5, 2}},
        Case{{2, 5, 4}, false, {10, 2}}, Case{{2, 3, 5, 4}, true, {2, 3, 5, 2}},
        Case{{2, 3, 5, 4}, false, {30, 2}}}) {
    FullyConnectedGraph graph(test.input);
    graph.params.keep_num_dims = test.keep;
    auto delegate = MakeDelegate();
    ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
    ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
    EXPECT_EQ(graph.OutputDims(), test.output);
    EXPECT_EQ(graph.Invoke(), kTfLiteOk);
  }
}

TEST(FullyConnectedTest, ChannelsThatOnlyAReshapeKnows) {
  FullyConnectedGraph graph({1, 1});
  graph.tensor(graph.input).dims_signature = graph.arrays().Ints({-1, -1});
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(graph.layer));
  EXPECT_EQ(graph.Prepare(), kTfLiteError);
  graph.tensor(graph.input).dims = graph.arrays().Ints({6, 4});
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.OutputDims(), ElementsAre(6, 2));
}

using FullyConnectedChange = Change<FullyConnectedGraph>;

class FullyConnectedRefusalTest
    : public testing::TestWithParam<FullyConnectedChange> {};

TEST_P(FullyConnectedRefusalTest, HasAReason) {
  ExpectRefusal(GetParam(), "FULLY_CONNECTED");
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, FullyConnectedRefusalTest,
    testing::Values(
        FullyConnectedChange{"no_params",
                             [](FullyConnectedGraph* g) {
                               g->node(g->layer).builtin_data = nullptr;
                             },
                             "no parameters"},
        FullyConnectedChange{
            "shuffled_weights",
            [](FullyConnectedGraph* g) {
              g->params.weights_format =
                  static_cast<TfLiteFullyConnectedWeightsFormat>(1);
            },
            "format 1; accepted is DEFAULT"},
        FullyConnectedChange{"activation",
                             [](FullyConnectedGraph* g) {
                               g->params.activation =
                                   static_cast<TfLiteFusedActivation>(4);
                             },
                             "activation has number 4"},
        FullyConnectedChange{"one_dimension",
                             [](FullyConnectedGraph* g) {
                               g->tensor(g->input).dims = g->arrays().Ints({4});
                             },
                             "1 dimensions, expected 2 to 4"},
        FullyConnectedChange{"five_dimensions",
                             [](FullyConnectedGraph* g) {
                               g->tensor(g->input).dims =
                                   g->arrays().Ints({1, 1, 1, 1, 4});
                             },
                             "5 dimensions, expected 2 to 4"},
        FullyConnectedChange{
            "dimensions_become_channels",
            [](FullyConnectedGraph* g) {
              g->tensor(g->input).dims = g->arrays().Ints({1, 2, 2});
            },
            "last dimension of the input is 2, the weights have 4"},
        FullyConnectedChange{"empty_input",
                             [](FullyConnectedGraph* g) {
                               g->tensor(g->input).dims =
                                   g->arrays().Ints({0, 4});
                             },
                             "1x1x0x4"},
        FullyConnectedChange{"weights_of_four_dimensions",
                             [](FullyConnectedGraph* g) {
                               g->tensor(g->weights).dims =
                                   g->arrays().Ints({2, 1, 1, 4});
                             },
                             "weights have 4 dimensions, expected 2"},
        FullyConnectedChange{"negative_weights",
                             [](FullyConnectedGraph* g) {
                               g->tensor(g->weights).dims =
                                   g->arrays().Ints({-2, 4});
                             },
                             "the weights have 4 channels"},
        FullyConnectedChange{
            "short_weights",
            [](FullyConnectedGraph* g) { g->tensor(g->weights).bytes = 7; },
            "7 bytes"},
        FullyConnectedChange{"variable_weights",
                             [](FullyConnectedGraph* g) {
                               g->tensor(g->weights).allocation_type =
                                   kTfLiteArenaRw;
                             },
                             "not constant"},
        FullyConnectedChange{"hybrid",
                             [](FullyConnectedGraph* g) {
                               for (int index : {g->input, g->output}) {
                                 g->tensor(index).type = kTfLiteFloat32;
                               }
                             },
                             "the weights are int8, the input is float32"},
        FullyConnectedChange{"zero_point",
                             [](FullyConnectedGraph* g) {
                               g->Quantize(g->weights, {1.0f}, {2});
                             },
                             "zero point 2"},
        FullyConnectedChange{"dense_weights",
                             [](FullyConnectedGraph* g) {
                               int8_t* values = g->data<int8_t>(g->weights);
                               for (int i = 0; i < 8; ++i) values[i] = 1;
                             },
                             "100 % of the weights are kept"},
        FullyConnectedChange{
            "bias_length",
            [](FullyConnectedGraph* g) { g->tensor(g->bias).bytes = 4; },
            "bias has 1 values for 2"}),
    NameOf<FullyConnectedGraph>);

}  // namespace
}  // namespace tf_pconv
