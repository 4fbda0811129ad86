#include "delegate/tflite/conv_node.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "delegate/core/weights/connectivity.h"
#include "delegate/core/weights/fkw.h"
#include "delegate/core/weights/recognition.h"
#include "delegate/tflite/node_tensors.h"
#include "delegate/tflite/sparsity.h"

namespace tf_pconv {
namespace {

constexpr int kPConv2DOptionsSize = 8;
constexpr int kBuiltin = 7;  // what the operator stands for
constexpr uint8_t kIsFullyConnected = 1;

// One scale an output channel, which lie along dimension `dimension`, also
// where the tensor has one for all.
Status ReadWeightScales(const TfLiteTensor& weights, int filters, int dimension,
                        std::vector<float>* scales) {
  const auto* params = FindQuantization(weights);
  if (params == nullptr) {
    return Status::Error("the int8 weights have no scales");
  }
  const TfLiteFloatArray& given = *params->scale;
  const bool per_channel =
      given.size == filters && params->quantized_dimension == dimension;
  if (given.size != 1 && !per_channel) {
    return Status::Error(
        "the int8 weights have %d scales along dimension %d; accepted is one, "
        "or one for each of the %d output channels",
        given.size, params->quantized_dimension, filters);
  }
  for (int i = 0; i < params->zero_point->size; ++i) {
    if (params->zero_point->data[i] != 0) {
      return Status::Error("the int8 weights have zero point %d; accepted is 0",
                           params->zero_point->data[i]);
    }
  }
  scales->assign(filters, given.data[0]);
  if (per_channel) scales->assign(given.data, given.data + filters);
  return Status();
}

// Input and output: found, of the same type, and quantised where int8.
Status ReadActivations(const TfLiteContext& context, const TfLiteNode& node,
                       DataType* type, ConvNode* conv) {
  conv->input = TensorAt(node.inputs, 0);
  conv->output = TensorAt(node.outputs, 0);
  const TfLiteTensor* input = FindTensor(context, conv->input);
  const TfLiteTensor* output = FindTensor(context, conv->output);
  if (input == nullptr || output == nullptr) {
    return Status::Error("the node has no input or no output");
  }
  Status status = ReadActivationType(*input, *output, type);
  if (!status.ok() || *type == DataType::kFloat32) return status;
  ConvDescription& description = conv->description;
  return ReadQuantizations(*input, *output, &description.input,
                           &description.output);
}

Status ReadBias(const TfLiteContext& context, const TfLiteNode& node,
                ConvNode* conv) {
  const int index = TensorAt(node.inputs, 2);
  if (index == kTfLiteOptionalTensor) return Status();
  const TfLiteTensor* bias = FindTensor(context, index);
  if (bias == nullptr || !IsConstant(*bias)) {
    return Status::Error("the bias is not constant");
  }
  const int filters = conv->description.filters();
  const bool is_int8 = conv->description.type() == DataType::kInt8;
  const TfLiteType expected = is_int8 ? kTfLiteInt32 : kTfLiteFloat32;
  if (bias->type != expected) {
    return Status::Error("the bias is %s, expected %s", TypeName(bias->type),
                         TypeName(expected));
  }
  if (bias->bytes != static_cast<size_t>(filters) * 4) {
    return Status::Error("the bias has %zu values for %d output channels",
                         bias->bytes / 4, filters);
  }
  if (is_int8) {
    conv->description.int32_bias = static_cast<const int32_t*>(bias->data);
  } else {
    conv->description.float_bias = static_cast<const float*>(bias->data);
  }
  return Status();
}

// The steps of the convolution; `activation` has the numbers of TensorFlow
// Lite, which are also those of PConv2D.
Status ReadSteps(int stride_height, int stride_width, int dilation_height,
                 int dilation_width, int activation,
                 ConvDescription* description) {
  if (dilation_height != 1 || dilation_width != 1) {
    return Status::Error("dilation is %dx%d; accepted is 1x1", dilation_height,
                         dilation_width);
  }
  description->stride_height = stride_height;
  description->stride_width = stride_width;
  return ReadActivation(activation, &description->activation);
}

// Of all convolutions but stems.
constexpr int kMostStride = 2;

Status CheckStrides(const ConvDescription& description, int most) {
  const auto is_stride = [most](int stride) {
    return stride >= 1 && stride <= most;
  };
  if (is_stride(description.stride_height) &&
      is_stride(description.stride_width)) {
    return Status();
  }
  return Status::Error("stride is %dx%d; accepted are 1 to %d",
                       description.stride_height, description.stride_width,
                       most);
}

Status ReadPConv2DOptions(const TfLiteNode& node,
                          ConvDescription* description) {
  const auto* options = static_cast<const uint8_t*>(node.custom_initial_data);
  if (options == nullptr ||
      node.custom_initial_data_size != kPConv2DOptionsSize) {
    return Status::Error("custom options have %d bytes, expected %d",
                         options == nullptr ? 0 : node.custom_initial_data_size,
                         kPConv2DOptionsSize);
  }
  if (options[0] != 1) {
    return Status::Error("custom options have version %d, expected 1",
                         options[0]);
  }
  if (options[1] > 1) {
    return Status::Error("padding is %d; accepted are 0 (SAME) and 1 (VALID)",
                         options[1]);
  }
  if (options[kBuiltin] > kIsFullyConnected) {
    return Status::Error(
        "it stands for operator %d; accepted are 0 (CONV_2D) and 1 "
        "(FULLY_CONNECTED)",
        options[kBuiltin]);
  }
  description->padding = options[1] == 0 ? Padding::kSame : Padding::kValid;
  const Status status = ReadSteps(options[2], options[3], options[4],
                                  options[5], options[6], description);
  return status.ok() ? CheckStrides(*description, kMostStride) : status;
}

// The parameters of FULLY_CONNECTED.
Status ReadParams(const TfLiteFullyConnectedParams* params,
                  ConvDescription* description) {
  if (params == nullptr) return Status::Error("the node has no parameters");
  if (params->weights_format != kTfLiteFullyConnectedWeightsFormatDefault) {
    return Status::Error("the weights have the format %d; accepted is DEFAULT",
                         static_cast<int>(params->weights_format));
  }
  return ReadSteps(1, 1, 1, 1, params->activation, description);
}

// The parameters of CONV_2D or DEPTHWISE_CONV_2D.
template <typename Params>
Status ReadParams(const Params* params, ConvDescription* description) {
  if (params == nullptr) return Status::Error("the node has no parameters");
  const Status status = ReadPadding(params->padding, &description->padding);
  if (!status.ok()) return status;
  return ReadSteps(params->stride_height, params->stride_width,
                   params->dilation_height_factor,
                   params->dilation_width_factor, params->activation,
                   description);
}

Status CheckWeights(const TfLiteTensor& tensor, DataType type, int rank) {
  const TfLiteType expected =
      type == DataType::kInt8 ? kTfLiteInt8 : kTfLiteFloat32;
  if (tensor.type != expected) {
    return Status::Error("the weights are %s, the input is %s",
                         TypeName(tensor.type), TypeName(expected));
  }
  if (!IsConstant(tensor) || tensor.dims == nullptr) {
    return Status::Error("the weights are not constant");
  }
  if (tensor.dims->size != rank) {
    return Status::Error("the weights have %d dimensions, expected %d",
                         tensor.dims->size, rank);
  }
  return Status();
}

// The values of weights, dense; `densified` holds those of sparse weights.
Status ReadValues(const TfLiteTensor& tensor, DataType type,
                  std::vector<uint8_t>* densified, const void** values) {
  if (tensor.sparsity != nullptr) {
    const Status status = Densify(tensor, densified);
    *values = densified->data();
    return status;
  }
  size_t bytes = ElementBytes(type);
  for (int i = 0; i < tensor.dims->size; ++i) {
    const size_t size = std::max(tensor.dims->data[i], 0);
    if (__builtin_mul_overflow(bytes, size, &bytes)) bytes = 0;
  }
  if (bytes == 0 || tensor.bytes != bytes) {
    return Status::Error("the weights have %zu bytes, too few or too many",
                         tensor.bytes);
  }
  *values = tensor.data;
  return Status();
}

// Recognises weights of the sizes that `dense` has.
Status RecognizeWeights(const TfLiteTensor& tensor, DenseWeights dense,
                        PatternWeights* weights) {
  std::vector<uint8_t> densified;
  Status status = ReadValues(tensor, dense.type, &densified, &dense.values);
  if (!status.ok()) return status;
  std::vector<float> scales;
  if (dense.type == DataType::kInt8) {
    status = ReadWeightScales(tensor, dense.filters, 0, &scales);
    if (!status.ok()) return status;
    dense.scales = scales.data();
  }
  return dense.kernel_side == 1 ? RecognizeConnectivity(dense, weights)
                                : RecognizePatterns(dense, weights);
}

// The channels of a filter are the last dimension.
Status CheckChannels(const TfLiteTensor& tensor, int input_channels) {
  const int* dims = tensor.dims->data;
  if (dims[0] < 1) return Status::Error("the weights have %d filters", dims[0]);
  if (dims[3] == input_channels) return Status();
  return Status::Error(
      "the input has %d channels, the weights have %d (grouped "
      "convolutions are not accepted)",
      input_channels, dims[3]);
}

Status ReadConvWeights(const TfLiteTensor& tensor, DataType type,
                       PatternWeights* weights) {
  const int* dims = tensor.dims->data;
  if (dims[1] != dims[2] || (dims[1] != 1 && dims[1] != 3)) {
    return Status::Error("kernels are %dx%d; accepted are 3x3 and 1x1", dims[1],
                         dims[2]);
  }
  DenseWeights dense;
  dense.type = type;
  dense.kernel_side = dims[1];
  dense.filters = dims[0];
  dense.channels = dims[3];
  return RecognizeWeights(tensor, dense, weights);
}

// `input_channels` are kUnknownChannels where the file does not tell.
constexpr int kUnknownChannels = 0;
Status ReadFullyConnectedWeights(const TfLiteTensor& tensor, DataType type,
                                 int input_channels, PatternWeights* weights) {
  const Status status = CheckWeights(tensor, type, 2);
  if (!status.ok()) return status;
  DenseWeights dense;
  dense.type = type;
  dense.kernel_side = 1;
  dense.filters = tensor.dims->data[0];
  dense.channels = tensor.dims->data[1];
  if (dense.filters < 1 || (input_channels != kUnknownChannels &&
                            dense.channels != input_channels)) {
    return Status::Error(
        "the last dimension of the input is %d, the weights have %d channels "
        "(several dimensions that become one are not accepted)",
        input_channels, dense.channels);
  }
  return RecognizeWeights(tensor, dense, weights);
}

// Copies the values of weights, and the scales that lie along a dimension.
Status CopyWeights(const TfLiteTensor& tensor, DataType type, int filters,
                   int dimension, ConvWeights* weights) {
  std::vector<uint8_t> densified;
  const void* values = nullptr;
  const Status status = ReadValues(tensor, type, &densified, &values);
  if (!status.ok()) return status;
  weights->type = type;
  size_t count = 1;
  for (int i = 0; i < tensor.dims->size; ++i) count *= tensor.dims->data[i];
  if (type == DataType::kInt8) {
    const auto* int8_values = static_cast<const int8_t*>(values);
    weights->int8_values.assign(int8_values, int8_values + count);
    return ReadWeightScales(tensor, filters, dimension, &weights->scales);
  }
  // Densified values need not be aligned.
  weights->float_values.resize(count);
  memcpy(weights->float_values.data(), values, count * sizeof(float));
  return status;
}

Status ReadStemWeights(const TfLiteTensor& tensor, DataType type,
                       StemWeights* weights) {
  const int* dims = tensor.dims->data;
  if (!IsStemSide(dims[1]) || !IsStemSide(dims[2])) {
    return Status::Error("kernels are %dx%d; accepted are 1x1 to %dx%d",
                         dims[1], dims[2], kStemMostSide, kStemMostSide);
  }
  weights->filters = dims[0];
  weights->kernel_height = dims[1];
  weights->kernel_width = dims[2];
  weights->channels = dims[3];
  return CopyWeights(tensor, type, weights->filters, 0, weights);
}

Status ReadDepthwiseWeights(const TfLiteTensor& tensor, DataType type,
                            int input_channels, DepthwiseWeights* weights) {
  const Status status = CheckWeights(tensor, type, kImageRank);
  if (!status.ok()) return status;
  const int* dims = tensor.dims->data;
  if (dims[0] != 1 || dims[1] != dims[2] || !IsDepthwiseSide(dims[1])) {
    return Status::Error(
        "the depthwise weights have the shape %dx%dx%dx%d; accepted are 1x3x3 "
        "and 1x5x5 and the channels",
        dims[0], dims[1], dims[2], dims[3]);
  }
  if (dims[3] != input_channels) {
    return Status::Error(
        "the input has %d channels, the depthwise weights have %d; accepted "
        "is a depth multiplier of 1",
        input_channels, dims[3]);
  }
  weights->kernel_side = dims[1];
  weights->channels = dims[3];
  return CopyWeights(tensor, type, dims[3], 3, weights);
}

// Reads a builtin operator. `read_weights` takes the type and the channels of
// the input.
template <typename Params, typename ReadWeights>
Status ReadBuiltin(const TfLiteContext& context, const TfLiteNode& node,
                   ConvNode* conv, const ReadWeights& read_weights) {
  DataType type = DataType::kFloat32;
  Status status = ReadActivations(context, node, &type, conv);
  if (status.ok()) {
    status = ReadParams(static_cast<const Params*>(node.builtin_data),
                        &conv->description);
  }
  ActivationShape input;
  if (status.ok()) {
    status = ReadActivationShape(*FindTensor(context, conv->input),
                                 conv->least_input_rank, &input);
  }
  if (status.ok()) status = read_weights(type, input.channels);
  if (status.ok()) status = ReadBias(context, node, conv);
  return status;
}

}  // namespace

Status ReadPConv2D(const TfLiteContext& context, const TfLiteNode& node,
                   int version, ConvNode* conv) {
  conv->description.weights = &conv->weights;
  if (version != 1) {
    return Status::Error("the operator has version %d; accepted is 1", version);
  }
  DataType type = DataType::kFloat32;
  Status status = ReadActivations(context, node, &type, conv);
  if (status.ok()) status = ReadPConv2DOptions(node, &conv->description);
  if (!status.ok()) return status;
  const TfLiteTensor* packed = FindTensor(context, TensorAt(node.inputs, 1));
  if (packed == nullptr || packed->type != kTfLiteUInt8 ||
      !IsConstant(*packed)) {
    return Status::Error("the weights are not a constant of type uint8");
  }
  status = ReadFkw(static_cast<const uint8_t*>(packed->data), packed->bytes,
                   &conv->weights);
  if (!status.ok()) return status;
  if (conv->weights.type != type) {
    return Status::Error("input and FKW weights differ in type");
  }
  if (static_cast<const uint8_t*>(node.custom_initial_data)[kBuiltin] ==
      kIsFullyConnected) {
    const ConvDescription& description = conv->description;
    if (description.weights->kernel_side != 1 ||
        description.stride_height != 1 || description.stride_width != 1) {
      return Status::Error(
          "a fully-connected layer has 1x1 kernels and stride 1, not %dx%d and "
          "%dx%d",
          description.kernel_height(), description.kernel_width(),
          description.stride_height, description.stride_width);
    }
    const TfLiteIntArray* output = FindTensor(context, conv->output)->dims;
    conv->least_input_rank = kLeastRank;
    conv->description.rounds_twice = false;
    conv->flattens = output != nullptr && output->size == kLeastRank;
  }
  return ReadBias(context, node, conv);
}

Status ReadConv2D(const TfLiteContext& context, const TfLiteNode& node,
                  const TfLiteTensor& weights, ConvNode* conv) {
  return ReadBuiltin<TfLiteConvParams>(
      context, node, conv, [&](DataType type, int channels) {
        Status status = CheckWeights(weights, type, kImageRank);
        if (status.ok()) status = CheckChannels(weights, channels);
        if (!status.ok()) return status;
        status = CheckStrides(conv->description, kMostStride);
        if (status.ok())
          status = ReadConvWeights(weights, type, &conv->weights);
        if (status.ok() || channels > kStemMostChannels ||
            weights.dims->data[0] < kStemLeastFilters) {
          conv->description.weights = &conv->weights;
          return status;
        }
        status = CheckStrides(conv->description, kStemMostSide);
        if (status.ok()) status = ReadStemWeights(weights, type, &conv->stem);
        conv->description.stem = &conv->stem;
        return status;
      });
}

Status ReadDepthwiseConv2D(const TfLiteContext& context, const TfLiteNode& node,
                           const TfLiteTensor& weights, ConvNode* conv) {
  conv->description.depthwise = &conv->depthwise;
  return ReadBuiltin<TfLiteDepthwiseConvParams>(
      context, node, conv, [&](DataType type, int channels) {
        const Status status = CheckStrides(conv->description, kMostStride);
        if (!status.ok()) return status;
        return ReadDepthwiseWeights(weights, type, channels, &conv->depthwise);
      });
}

Status ReadFullyConnected(const TfLiteContext& context, const TfLiteNode& node,
                          const TfLiteTensor& weights, ConvNode* conv) {
  conv->description.weights = &conv->weights;
  conv->least_input_rank = kLeastRank;
  conv->description.rounds_twice = false;
  const Status status = ReadBuiltin<TfLiteFullyConnectedParams>(
      context, node, conv, [&](DataType type, int channels) {
        const TfLiteTensor& input = *FindTensor(context, conv->input);
        // What a reshape to the weights' channels makes.
        if (IsOpen(input, input.dims->size - 1)) channels = kUnknownChannels;
        return ReadFullyConnectedWeights(weights, type, channels,
                                         &conv->weights);
      });
  if (!status.ok()) return status;
  conv->flattens =
      !static_cast<const TfLiteFullyConnectedParams*>(node.builtin_data)
           ->keep_num_dims;
  return status;
}

}  // namespace tf_pconv
