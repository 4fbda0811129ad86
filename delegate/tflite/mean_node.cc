#include "delegate/tflite/mean_node.h"

#include "delegate/core/pool/mean.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

// Of an image, NHWC.
constexpr int kHeightAxis = 1;
constexpr int kWidthAxis = 2;

Status CheckAxes(const TfLiteTensor* axes) {
  const bool is_list =
      axes != nullptr && axes->dims != nullptr && axes->dims->size == 1;
  const int count = is_list ? axes->dims->data[0] : 0;
  if (!is_list || !IsInt32Constant(*axes, {count})) {
    return Status::Error("its axes are not a list of constants of int32");
  }
  const auto* numbers = static_cast<const int32_t*>(axes->data);
  bool has_height = false;
  bool has_width = false;
  for (int i = 0; i < count; ++i) {
    const int axis = numbers[i] < 0 ? numbers[i] + kImageRank : numbers[i];
    has_height |= axis == kHeightAxis;
    has_width |= axis == kWidthAxis;
    if (axis == kHeightAxis || axis == kWidthAxis) continue;
    return Status::Error("axis %d is averaged; accepted are 1 and 2",
                         static_cast<int>(numbers[i]));
  }
  if (has_height && has_width) return Status();
  return Status::Error("height or width is not averaged; accepted are both");
}

}  // namespace

Status ReadMean(const TfLiteContext& context, const TfLiteNode& node,
                SelectedNode* mean) {
  ImageTensors tensors;
  Status status = ReadImageTensors(context, node, mean, &tensors);
  if (status.ok()) {
    status = CheckAxes(FindTensor(context, TensorAt(node.inputs, 1)));
  }
  MeanDescription description;
  if (status.ok() && mean->type == DataType::kInt8) {
    status = ReadQuantizations(*tensors.input, *tensors.output,
                               &description.input, &description.output);
  }
  if (!status.ok()) return status;
  const auto* params =
      static_cast<const TfLiteReducerParams*>(node.builtin_data);
  if (params == nullptr) return Status::Error("the node has no parameters");
  description.type = mean->type;
  description.channels = tensors.shape.channels;
  mean->flattens = !params->keep_dims;
  mean->op = CreateMean(description, &status);
  return status;
}

}  // namespace tf_pconv
