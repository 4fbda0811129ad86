#include "delegate/tflite/pool_node.h"

#include "delegate/core/pool/pool.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

Status ReadParams(const TfLitePoolParams* params,
                  PoolDescription* description) {
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

// Whether what it makes of such an input is much smaller.
bool Shrinks(const PoolDescription& description, const ActivationShape& input,
             Operator* pool) {
  if (description.stride_height > 1 || description.stride_width > 1) {
    return true;
  }
  if (!pool->Resize({input}).ok()) return false;
  const ActivationShape output = pool->output_shape();
  return 2 * int64_t{output.height} * output.width <=
         int64_t{input.height} * input.width;
}

Status ReadPool(const TfLiteContext& context, const TfLiteNode& node,
                PoolKind kind, SelectedNode* pool) {
  ImageTensors tensors;
  PoolDescription description;
  Status status = ReadImageTensors(context, node, pool, &tensors);
  if (status.ok()) {
    status = ReadParams(static_cast<const TfLitePoolParams*>(node.builtin_data),
                        &description);
  }
  if (status.ok() && pool->type == DataType::kInt8) {
    status = ReadSameQuantization(*tensors.input, *tensors.output,
                                  &description.quantization);
  }
  if (!status.ok()) return status;
  description.kind = kind;
  description.type = pool->type;
  description.channels = tensors.shape.channels;
  pool->op = CreatePool(description, &status);
  if (!status.ok()) return status;
  pool->wants_reader = !Shrinks(description, tensors.shape, pool->op.get());
  return status;
}

}  // namespace

Status ReadMaxPool2D(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* pool) {
  return ReadPool(context, node, PoolKind::kMax, pool);
}

Status ReadAveragePool2D(const TfLiteContext& context, const TfLiteNode& node,
                         SelectedNode* pool) {
  return ReadPool(context, node, PoolKind::kAverage, pool);
}

}  // namespace tf_pconv
