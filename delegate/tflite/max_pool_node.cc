#include "delegate/tflite/max_pool_node.h"

#include "delegate/core/max_pool/max_pool.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

Status ReadQuantization(const TfLiteTensor& input, const TfLiteTensor& output,
                        MaxPoolDescription* description) {
  float scale = 0.0f;
  int zero_point = 0;
  Status status = ReadActivationQuantization(
      input, "input", &description->scale, &description->zero_point);
  if (status.ok()) {
    status = ReadActivationQuantization(output, "output", &scale, &zero_point);
  }
  if (!status.ok()) return status;
  if (scale != description->scale || zero_point != description->zero_point) {
    return Status::Error("input and output differ in scale or zero point");
  }
  return status;
}

Status ReadParams(const TfLitePoolParams* params,
                  MaxPoolDescription* description) {
  if (params == nullptr) return Status::Error("the node has no parameters");
  if (params->filter_height != params->filter_width) {
    return Status::Error("windows of %dx%d; accepted are square ones",
                         params->filter_height, params->filter_width);
  }
  if (params->stride_height < 1 || params->stride_width < 1) {
    return Status::Error("stride is %dx%d; accepted are positive numbers",
                         params->stride_height, params->stride_width);
  }
  description->side = params->filter_height;
  description->stride_height = params->stride_height;
  description->stride_width = params->stride_width;
  const Status status = ReadPadding(params->padding, &description->padding);
  if (!status.ok()) return status;
  return ReadActivation(params->activation, &description->activation);
}

}  // namespace

Status ReadMaxPool2D(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* pool) {
  pool->inputs = {TensorAt(node.inputs, 0)};
  pool->output = TensorAt(node.outputs, 0);
  const TfLiteTensor* input = FindTensor(context, pool->inputs[0]);
  const TfLiteTensor* output = FindTensor(context, pool->output);
  if (input == nullptr || output == nullptr) {
    return Status::Error("the node has no input or no output");
  }
  MaxPoolDescription description;
  Status status = ReadActivationType(*input, *output, &description.type);
  ActivationShape shape;
  if (status.ok()) status = ReadActivationShape(*input, kImageRank, &shape);
  if (status.ok()) {
    description.channels = shape.channels;
    status = ReadParams(static_cast<const TfLitePoolParams*>(node.builtin_data),
                        &description);
  }
  if (status.ok() && description.type == DataType::kInt8) {
    status = ReadQuantization(*input, *output, &description);
  }
  if (!status.ok()) return status;
  pool->type = description.type;
  pool->wants_reader =
      description.stride_height == 1 && description.stride_width == 1;
  pool->op = CreateMaxPool(description, &status);
  return status;
}

}  // namespace tf_pconv
