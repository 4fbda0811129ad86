#include "delegate/tflite/delegate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "delegate/core/cost.h"
#include "delegate/core/cpu.h"
#include "delegate/core/processor.h"
#include "delegate/tests/conv_graphs.h"
#include "delegate/tests/fake_graph.h"
#include "delegate/tests/make_delegate.h"
#include "delegate/tflite/partition.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

// A PConv2D, an ADD of its output with something, and a PConv2D of the sum.
class AddGraph : public PConv2DGraph {
 public:
  explicit AddGraph(bool is_read = true) {
    sum = AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
    add = AddNode(kTfLiteBuiltinAdd, {output, input}, {sum});
    node(add).builtin_data = &params;
    last = sum;
    if (is_read) {
      last = AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
      AddPConv2D({sum, weights}, last);
    }
    SetOutputs({last});
  }

  int sum, add, last;
  TfLiteAddParams params = {kTfLiteActNone};
};

TEST(DelegateTest, AnAddBetweenConvolutionsIsTaken) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  AddGraph graph;
  auto delegate = MakeDelegate();
  ASSERT_EQ(graph.Delegate(delegate.get()), kTfLiteOk) << graph.error();
  EXPECT_THAT(graph.taken(), ElementsAre(0, graph.add, 2));
  ASSERT_EQ(graph.Prepare(), kTfLiteOk) << graph.error();
  float* input = graph.data<float>(graph.input);
  for (int i = 0; i < 16; ++i) input[i] = 1;
  ASSERT_EQ(graph.Invoke(), kTfLiteOk);
  // The first convolution makes 1.5 of the corner and 2.5 of its neighbours.
  const float* output = graph.data<float>(graph.last);
  EXPECT_EQ(output[0], 1.5f + 1);
  EXPECT_EQ(output[1], (1.5f + 1) + (2.5f + 1));
}

TEST(DelegateTest, AnAddThatNoConvolutionReadsStaysWithTheRuntime) {
  const auto taken = [](AddGraph* graph) {
    auto delegate = MakeDelegate();
    EXPECT_EQ(graph->Delegate(delegate.get()), kTfLiteOk) << graph->error();
    const std::vector<int>& nodes = graph->taken();
    return std::count(nodes.begin(), nodes.end(), graph->add) != 0;
  };
  AddGraph last(/*is_read=*/false);
  EXPECT_FALSE(taken(&last));
  AddGraph second(/*is_read=*/false);
  const int twice = second.AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
  const int again =
      second.AddNode(kTfLiteBuiltinAdd, {second.sum, second.sum}, {twice});
  second.node(again).builtin_data = &second.params;
  second.SetOutputs({twice});
  EXPECT_FALSE(taken(&second));
}

// The runtime computes what an ADD adds.
TEST(DelegateTest, ADensifyThatAnAddReadsStaysWithTheRuntime) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "no kernel runs here";
  AddGraph graph;
  const int sparse = graph.AddConstant<float>(kTfLiteFloat32, {1, 4, 4, 1},
                                              std::vector<float>(16, 1.0f));
  const int dense = graph.AddTensor(kTfLiteFloat32, {1, 4, 4, 1});
  const int densify = graph.AddNode(kTfLiteBuiltinDensify, {sparse}, {dense});
  graph.node(graph.add).inputs = graph.arrays().Ints({graph.output, dense});
  Selection selection;
  ASSERT_TRUE(SelectNodes(&graph.context(), TestOptions(), &selection).ok());
  EXPECT_THAT(selection.nodes, testing::Not(testing::Contains(densify)));
  EXPECT_THAT(selection.nodes, testing::Contains(graph.add));
}

// What is over soon is not worth waking threads for, unless the convolutions
// next to it are taken anyway.
TEST(DelegateTest, SmallPartsOfTheGraphAreForOneThread) {
  Options options = TestOptions();
  options.min_speedup = 1e-3;
  const auto select = [&](int threads, bool is_beside_custom) {
    Conv2DGraph graph;
    PConv2DGraph custom;
    FakeGraph& tested = is_beside_custom ? static_cast<FakeGraph&>(custom)
                                         : static_cast<FakeGraph&>(graph);
    Selection selection;
    EXPECT_TRUE(
        SelectNodes(&tested.context(), options, &selection, {}, threads).ok());
    return selection;
  };
  EXPECT_EQ(select(1, false).operators.size(), 1u);
  const Selection none = select(2, false);
  EXPECT_THAT(none.operators, IsEmpty());
  ASSERT_EQ(none.refused.size(), 1u);
  EXPECT_THAT(none.refused[0].reason.message(), HasSubstr("on 2 threads"));
  EXPECT_EQ(select(2, true).operators.size(), 1u);
}

// A CONV_2D, and one that reads its output and whose weights come out of a
// DENSIFY.
class HalfDensifiedGraph : public Conv2DGraph {
 public:
  HalfDensifiedGraph() {
    const std::vector<int> dims = {2, 3, 3, 2};
    const int8_t* values = data<int8_t>(weights);
    const int sparse = AddConstant<int8_t>(
        kTfLiteInt8, dims, std::vector<int8_t>(values, values + 36));
    Quantize(sparse, {0.1f, 0.2f}, {0, 0});
    const int dense = AddTensor(kTfLiteInt8, dims);
    AddNode(kTfLiteBuiltinDensify, {sparse}, {dense});
    const int last = AddTensor(kTfLiteInt8, {1, 4, 4, 2});
    Quantize(last, {0.75f}, {-4});
    const int second =
        AddNode(kTfLiteBuiltinConv2d, {output, dense, bias}, {last});
    node(second).builtin_data = &params;
    SetOutputs({last});
  }
};

TEST(DelegateTest, ADensifyDoesNotPartTheGraph) {
  Options options = TestOptions();
  const auto select = [&](int threads) {
    HalfDensifiedGraph graph;
    Selection selection;
    EXPECT_TRUE(
        SelectNodes(&graph.context(), options, &selection, {}, threads).ok());
    return selection;
  };
  const Selection both = select(1);
  ASSERT_EQ(both.operators.size(), 2u);
  double dense = 0, ours = 0;
  for (const SelectedNode& selected : both.operators) {
    dense += selected.cost.dense;
    ours += selected.cost.ours;
  }
  // Reached if threads wake up once.
  options.min_speedup = dense / (ours + 1.5 * WakingNanoseconds(2));
  EXPECT_EQ(select(2).operators.size(), 2u);
}

TEST(DelegateTest, SidesThatTheInputDecidesAreNotTakenForSmall) {
  const auto predict = [](const std::vector<int>& signature) {
    Conv2DGraph graph;
    graph.tensor(graph.input).dims = graph.arrays().Ints({1, 1, 1, 2});
    graph.tensor(graph.input).dims_signature = graph.arrays().Ints(signature);
    Selection selection;
    EXPECT_TRUE(SelectNodes(&graph.context(), TestOptions(), &selection).ok());
    return selection.operators.at(0).cost.speedup();
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
