#include "delegate/tflite/unary_node.h"

#include "delegate/core/unary/unary.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

// The description knows its function.
Status Read(const TfLiteContext& context, const TfLiteNode& node,
            UnaryDescription description, SelectedNode* unary) {
  ImageTensors tensors;
  Status status = ReadImageTensors(context, node, unary, &tensors);
  if (status.ok() && unary->type == DataType::kInt8) {
    status = ReadQuantizations(*tensors.input, *tensors.output,
                               &description.input, &description.output);
  }
  if (!status.ok()) return status;
  description.type = unary->type;
  unary->wants_reader = true;
  unary->op = CreateUnary(description, &status);
  return status;
}

Status ReadClamp(const TfLiteContext& context, const TfLiteNode& node,
                 Activation activation, SelectedNode* clamp) {
  UnaryDescription description;
  description.activation = activation;
  return Read(context, node, description, clamp);
}

Status ReadFunction(const TfLiteContext& context, const TfLiteNode& node,
                    UnaryFunction function, SelectedNode* unary) {
  UnaryDescription description;
  description.function = function;
  return Read(context, node, description, unary);
}

}  // namespace

Status ReadRelu(const TfLiteContext& context, const TfLiteNode& node,
                SelectedNode* relu) {
  return ReadClamp(context, node, Activation::kRelu, relu);
}

Status ReadReluN1To1(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* relu) {
  return ReadClamp(context, node, Activation::kReluN1To1, relu);
}

Status ReadRelu6(const TfLiteContext& context, const TfLiteNode& node,
                 SelectedNode* relu) {
  return ReadClamp(context, node, Activation::kRelu6, relu);
}

Status ReadLeakyRelu(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* relu) {
  const auto* params =
      static_cast<const TfLiteLeakyReluParams*>(node.builtin_data);
  if (params == nullptr) return Status::Error("the node has no parameters");
  UnaryDescription description;
  description.function = UnaryFunction::kLeakyRelu;
  description.slope = params->alpha;
  return Read(context, node, description, relu);
}

Status ReadHardSwish(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* swish) {
  return ReadFunction(context, node, UnaryFunction::kHardSwish, swish);
}

Status ReadLogistic(const TfLiteContext& context, const TfLiteNode& node,
                    SelectedNode* logistic) {
  return ReadFunction(context, node, UnaryFunction::kLogistic, logistic);
}

Status ReadQuantize(const TfLiteContext& context, const TfLiteNode& node,
                    SelectedNode* quantize) {
  return ReadClamp(context, node, Activation::kNone, quantize);
}

}  // namespace tf_pconv
