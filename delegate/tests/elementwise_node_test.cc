// What ADD and MUL nodes must be for the delegate to run them.

#include "delegate/tflite/elementwise_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/tests/fake_graph.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An int8 MUL of two images; its parameters are also those of an ADD.
class MulGraph : public FakeGraph {
 public:
  MulGraph() {
    for (int* tensor : {&a, &b, &output}) {
      *tensor = AddTensor(kTfLiteInt8, {2, 4, 5, 3});
      Quantize(*tensor, {0.5f}, {3});
    }
    mul = AddNode(kTfLiteBuiltinMul, {a, b}, {output});
    node(mul).builtin_data = &params;
  }

  void Reshape(int index, const std::vector<int>& dims) {
    tensor(index).dims = arrays().Ints(dims);
  }
  // Which sizes an application may change.
  void Sign(int index, const std::vector<int>& signature) {
    tensor(index).dims_signature = arrays().Ints(signature);
  }
  void MakeConstant(int index, const std::vector<int>& dims, size_t count) {
    Reshape(index, dims);
    tensor(index).allocation_type = kTfLiteMmapRo;
    tensor(index).data = arrays().Copy(std::vector<int8_t>(count, 1));
    tensor(index).bytes = count;
  }

  int a, b, output, mul;
  TfLiteMulParams params = {kTfLiteActRelu};
};

struct Change {
  const char* name;
  std::function<void(MulGraph*)> apply;
  const char* says = "";
};

std::string NameOf(const testing::TestParamInfo<Change>& info) {
  return info.param.name;
}

// For both operators, and with the inputs in both orders.
void ForAll(const Change& change,
            const std::function<void(const Status&, const MulGraph&,
                                     const SelectedNode&)>& expect) {
  for (const bool swapped : {false, true}) {
    for (const auto read : {ReadAdd, ReadMul}) {
      MulGraph graph;
      change.apply(&graph);
      const TfLiteNode& node = graph.node(graph.mul);
      if (swapped && node.inputs->size == 2) {
        std::swap(node.inputs->data[0], node.inputs->data[1]);
      }
      SelectedNode selected;
      const Status status = read(graph.context(), node, &selected);
      expect(status, graph, selected);
    }
  }
}

class AcceptedTest : public testing::TestWithParam<Change> {};

TEST_P(AcceptedTest, IsRead) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  ForAll(GetParam(), [](const Status& status, const MulGraph& graph,
                        const SelectedNode& selected) {
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(selected.inputs.size(), 2u);
    EXPECT_EQ(selected.output, graph.output);
    EXPECT_EQ(selected.type, DataType::kInt8);
    EXPECT_TRUE(selected.wants_reader);
    EXPECT_NE(selected.op, nullptr);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, AcceptedTest,
    testing::Values(Change{"OfOneShape", [](MulGraph*) {}},
                    Change{"OneAndTheSame",
                           [](MulGraph* g) {
                             g->node(g->mul).inputs =
                                 g->arrays().Ints({g->a, g->a});
                           }},
                    Change{"ForEachImage",
                           [](MulGraph* g) { g->Reshape(g->b, {2, 1, 1, 3}); }},
                    Change{"ForAllImages",
                           [](MulGraph* g) { g->Reshape(g->b, {1, 1, 1, 3}); }},
                    Change{"OfOpenBatch",
                           [](MulGraph* g) {
                             g->Reshape(g->b, {2, 1, 1, 3});
                             g->Sign(g->a, {-1, -1, -1, 3});
                             g->Sign(g->b, {-1, 1, 1, 3});
                           }}),
    NameOf);

class ConstantTest : public testing::TestWithParam<std::vector<int>> {};

TEST_P(ConstantTest, IsNoInput) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  const std::vector<int>& dims = GetParam();
  const size_t count = dims.empty() ? 1 : dims.back();
  const auto apply = [&](MulGraph* g) { g->MakeConstant(g->b, dims, count); };
  ForAll({"Constant", apply}, [](const Status& status, const MulGraph& graph,
                                 const SelectedNode& selected) {
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_THAT(selected.inputs, ElementsAre(graph.a));
    EXPECT_NE(selected.op, nullptr);
  });
}

INSTANTIATE_TEST_SUITE_P(Dimensions, ConstantTest,
                         testing::Values(std::vector<int>{},
                                         std::vector<int>{1},
                                         std::vector<int>{3},
                                         std::vector<int>{1, 3},
                                         std::vector<int>{1, 1, 1, 3},
                                         std::vector<int>{1, 1, 1, 1}));

class RefusedTest : public testing::TestWithParam<Change> {};

TEST_P(RefusedTest, WithAReason) {
  ForAll(GetParam(),
         [](const Status& status, const MulGraph&, const SelectedNode&) {
           ASSERT_FALSE(status.ok());
           EXPECT_THAT(status.message(), HasSubstr(GetParam().says));
         });
}

INSTANTIATE_TEST_SUITE_P(
    Inputs, RefusedTest,
    testing::Values(
        Change{"OtherChannels",
               [](MulGraph* g) { g->Reshape(g->b, {2, 1, 1, 4}); },
               "differ in shape"},
        Change{"ARow", [](MulGraph* g) { g->Reshape(g->b, {2, 1, 5, 3}); },
               "differ in shape"},
        Change{"OtherBatch",
               [](MulGraph* g) { g->Reshape(g->b, {3, 4, 5, 3}); },
               "differ in shape"},
        Change{"OtherSignature",
               [](MulGraph* g) { g->Sign(g->a, {-1, 4, 5, 3}); },
               "differ in shape"},
        Change{"OpenPixels",
               [](MulGraph* g) {
                 g->Reshape(g->b, {2, 1, 1, 3});
                 g->Sign(g->b, {2, -1, 1, 3});
               },
               "differ in shape"},
        Change{"OpenBatchOfOne",
               [](MulGraph* g) {
                 g->Reshape(g->b, {1, 1, 1, 3});
                 g->Sign(g->b, {-1, 1, 1, 3});
               },
               "differ in shape"},
        Change{"AVector", [](MulGraph* g) { g->Reshape(g->b, {3}); },
               "has 1 dimensions, expected 4"},
        Change{"AConstantImage",
               [](MulGraph* g) { g->MakeConstant(g->b, {1, 4, 5, 3}, 60); },
               "a constant of 1x4x5x3; accepted are one number, or one for "
               "each of the 3 channels"},
        Change{"AConstantOfOtherChannels",
               [](MulGraph* g) { g->MakeConstant(g->b, {5}, 5); },
               "a constant of 1x1x1x5; accepted are"},
        Change{"AConstantOfFiveDimensions",
               [](MulGraph* g) { g->MakeConstant(g->b, {1, 1, 1, 1, 3}, 3); },
               "has 5 dimensions"},
        Change{"AConstantForOpenChannels",
               [](MulGraph* g) {
                 g->MakeConstant(g->b, {3}, 3);
                 g->Sign(g->a, {2, 4, 5, -1});
               },
               "a constant of 1x1x1x3; accepted are"},
        Change{"AConstantThatIsTooShort",
               [](MulGraph* g) { g->MakeConstant(g->b, {3}, 2); },
               "has 2 bytes, expected 3"},
        Change{"TwoConstants",
               [](MulGraph* g) {
                 g->MakeConstant(g->a, {3}, 3);
                 g->MakeConstant(g->b, {3}, 3);
               },
               "both inputs are constant"},
        Change{"AConstantAndAVector",
               [](MulGraph* g) {
                 g->MakeConstant(g->b, {3}, 3);
                 g->Reshape(g->a, {3});
               },
               "has 1 dimensions, expected 4"},
        Change{"OtherType",
               [](MulGraph* g) { g->tensor(g->b).type = kTfLiteFloat32; },
               "float32"},
        Change{"Unquantized",
               [](MulGraph* g) { g->tensor(g->b).quantization = {}; },
               "does not have one scale and zero point"},
        Change{"AScaleForEachChannel",
               [](MulGraph* g) {
                 g->Quantize(g->b, {1.0f, 2.0f, 3.0f}, {0, 0, 0}, 3);
               },
               "does not have one scale and zero point"},
        Change{"OtherZeroPoint",
               [](MulGraph* g) { g->Quantize(g->b, {1.0f}, {128}); },
               "zero point"},
        Change{"TooFineAnOutput",
               [](MulGraph* g) { g->Quantize(g->output, {1e-4f}, {0}); },
               "times the scale of the output; accepted is up to 512"},
        Change{"OtherActivation",
               [](MulGraph* g) {
                 g->params.activation = static_cast<TfLiteFusedActivation>(4);
               },
               "fused activation has number 4"},
        Change{"NoParameters",
               [](MulGraph* g) { g->node(g->mul).builtin_data = nullptr; },
               "no parameters"},
        Change{"OneInput",
               [](MulGraph* g) {
                 g->node(g->mul).inputs = g->arrays().Ints({g->a});
               },
               "lacks an input"}),
    NameOf);

}  // namespace
}  // namespace tf_pconv
