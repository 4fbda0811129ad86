#include "delegate/tflite/node_tensors.h"

#include <algorithm>
#include <array>

namespace tf_pconv {

const char* TypeName(TfLiteType type) {
  switch (type) {
    case kTfLiteFloat32:
      return "float32";
    case kTfLiteInt32:
      return "int32";
    case kTfLiteUInt8:
      return "uint8";
    case kTfLiteInt16:
      return "int16";
    case kTfLiteInt8:
      return "int8";
    case kTfLiteFloat16:
      return "float16";
    default:
      return "another type";
  }
}

bool IsConstant(const TfLiteTensor& tensor) {
  return tensor.allocation_type == kTfLiteMmapRo && tensor.data != nullptr;
}

bool IsInt32Constant(const TfLiteTensor& tensor, const std::vector<int>& dims) {
  if (!IsConstant(tensor) || tensor.type != kTfLiteInt32 ||
      tensor.dims == nullptr ||
      !std::equal(dims.begin(), dims.end(), tensor.dims->data,
                  tensor.dims->data + tensor.dims->size)) {
    return false;
  }
  size_t bytes = sizeof(int32_t);
  for (int size : dims) bytes *= size;
  return tensor.bytes == bytes;
}

const TfLiteTensor* FindTensor(const TfLiteContext& context, int index) {
  if (index < 0 || static_cast<size_t>(index) >= context.tensors_size ||
      context.tensors == nullptr) {
    return nullptr;
  }
  return &context.tensors[index];
}

int TensorAt(const TfLiteIntArray* tensors, int i) {
  if (tensors == nullptr || i >= tensors->size) return kTfLiteOptionalTensor;
  return tensors->data[i];
}

Status ReadActivationType(const TfLiteTensor& input, const TfLiteTensor& output,
                          DataType* type) {
  if (input.type != output.type ||
      (input.type != kTfLiteFloat32 && input.type != kTfLiteInt8)) {
    return Status::Error(
        "input and output are %s and %s; accepted are both float32 or both "
        "int8",
        TypeName(input.type), TypeName(output.type));
  }
  *type = input.type == kTfLiteInt8 ? DataType::kInt8 : DataType::kFloat32;
  return Status();
}

const TfLiteAffineQuantizationParams* FindQuantization(
    const TfLiteTensor& tensor) {
  if (tensor.quantization.type != kTfLiteAffineQuantization) return nullptr;
  const auto* params = static_cast<const TfLiteAffineQuantizationParams*>(
      tensor.quantization.params);
  if (params == nullptr || params->scale == nullptr ||
      params->zero_point == nullptr) {
    return nullptr;
  }
  return params;
}

Status ReadActivationQuantization(const TfLiteTensor& tensor, const char* role,
                                  Quantization* quantization) {
  const auto* params = FindQuantization(tensor);
  if (params == nullptr || params->scale->size != 1 ||
      params->zero_point->size != 1) {
    return Status::Error("the int8 %s does not have one scale and zero point",
                         role);
  }
  *quantization = {params->scale->data[0], params->zero_point->data[0]};
  return Status();
}

Status ReadSameQuantization(const TfLiteTensor& input,
                            const TfLiteTensor& output,
                            Quantization* quantization) {
  Quantization of_output;
  const Status status =
      ReadQuantizations(input, output, quantization, &of_output);
  if (status.ok() && !(*quantization == of_output)) {
    return Status::Error("input and output differ in scale or zero point");
  }
  return status;
}

Status ReadQuantizations(const TfLiteTensor& input, const TfLiteTensor& output,
                         Quantization* of_input, Quantization* of_output) {
  const Status status = ReadActivationQuantization(input, "input", of_input);
  if (!status.ok()) return status;
  return ReadActivationQuantization(output, "output", of_output);
}

Status ReadImageTensors(const TfLiteContext& context, const TfLiteNode& node,
                        SelectedNode* selected, ImageTensors* tensors) {
  selected->inputs = {TensorAt(node.inputs, 0)};
  selected->output = TensorAt(node.outputs, 0);
  tensors->input = FindTensor(context, selected->inputs[0]);
  tensors->output = FindTensor(context, selected->output);
  if (tensors->input == nullptr || tensors->output == nullptr) {
    return Status::Error("the node has no input or no output");
  }
  const Status status =
      ReadActivationType(*tensors->input, *tensors->output, &selected->type);
  if (!status.ok()) return status;
  return ReadActivationShape(*tensors->input, kImageRank, &tensors->shape);
}

Status ReadActivationShape(const TfLiteTensor& tensor, int least_rank,
                           ActivationShape* shape) {
  const int rank = tensor.dims == nullptr ? 0 : tensor.dims->size;
  if (rank < least_rank || rank > kImageRank) {
    return least_rank == kImageRank
               ? Status::Error("the input has %d dimensions, expected 4 (NHWC)",
                               rank)
               : Status::Error("the input has %d dimensions, expected %d to %d",
                               rank, least_rank, kImageRank);
  }
  std::array<int, kImageRank> dims;
  dims.fill(1);
  std::copy_n(tensor.dims->data, rank, dims.end() - rank);
  *shape = {dims[0], dims[1], dims[2], dims[3]};
  if (shape->batch < 1 || shape->height < 1 || shape->width < 1 ||
      shape->channels < 1) {
    return Status::Error("the input has the shape %dx%dx%dx%d", dims[0],
                         dims[1], dims[2], dims[3]);
  }
  return Status();
}

bool IsOpen(const TfLiteTensor& tensor, int i) {
  const TfLiteIntArray* signature = tensor.dims_signature;
  return tensor.dims->data[i] == 1 && signature != nullptr &&
         signature->size == tensor.dims->size && signature->data[i] == -1;
}

Status ReadPadding(TfLitePadding number, Padding* padding) {
  if (number != kTfLitePaddingSame && number != kTfLitePaddingValid) {
    return Status::Error("padding has number %d; accepted are SAME and VALID",
                         static_cast<int>(number));
  }
  *padding = number == kTfLitePaddingSame ? Padding::kSame : Padding::kValid;
  return Status();
}

Status ReadActivation(int number, Activation* activation) {
  switch (number) {
    case kTfLiteActNone:
      *activation = Activation::kNone;
      return Status();
    case kTfLiteActRelu:
      *activation = Activation::kRelu;
      return Status();
    case kTfLiteActReluN1To1:
      *activation = Activation::kReluN1To1;
      return Status();
    case kTfLiteActRelu6:
      *activation = Activation::kRelu6;
      return Status();
    default:
      return Status::Error(
          "fused activation has number %d; accepted are NONE, RELU, "
          "RELU_N1_TO_1 and RELU6",
          number);
  }
}

}  // namespace tf_pconv
