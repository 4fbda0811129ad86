#ifndef TF_PCONV_DELEGATE_TESTS_CONV_GRAPHS_H_
#define TF_PCONV_DELEGATE_TESTS_CONV_GRAPHS_H_

// Graphs with one convolution, for tests to run, to extend and to break.

#include <cstdint>
#include <vector>

#include "delegate/tests/fake_graph.h"
#include "delegate/tests/fkw_file.h"

namespace tf_pconv {

// One filter, one channel, all four weights 1 in the upper left 2x2 block.
inline FkwFile BlockFkw() {
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

// A graph with one int8 CONV_2D of 3 channels and 16 filters of 2x3, all of
// whose weights are 9, with a stride of 3.
class StemGraph : public FakeGraph {
 public:
  static constexpr int kFilters = 16;

  StemGraph() {
    input = AddTensor(kTfLiteInt8, {1, 5, 6, 3});
    Quantize(input, {0.5f}, {3});
    weights = AddConstant<int8_t>(kTfLiteInt8, {kFilters, 2, 3, 3},
                                  std::vector<int8_t>(kFilters * 2 * 3 * 3, 9));
    Quantize(weights, std::vector<float>(kFilters, 0.1f),
             std::vector<int>(kFilters, 0));
    output = AddTensor(kTfLiteInt8, {1, 2, 2, kFilters});
    Quantize(output, {0.75f}, {-4});
    conv = AddNode(kTfLiteBuiltinConv2d, {input, weights}, {output});
    node(conv).builtin_data = &params;
    SetOutputs({output});
  }

  int input, weights, output, conv;
  TfLiteConvParams params = {kTfLitePaddingSame, 3, 3, kTfLiteActNone, 1, 1};
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

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTS_CONV_GRAPHS_H_
