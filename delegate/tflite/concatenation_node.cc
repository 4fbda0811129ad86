#include "delegate/tflite/concatenation_node.h"

#include "delegate/core/copy/concatenation.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

Status CheckParams(const TfLiteConcatenationParams* params) {
  if (params == nullptr) return Status::Error("the node has no parameters");
  if (params->axis != kImageRank - 1 && params->axis != -1) {
    return Status::Error("the axis is %d; accepted is 3, of channels",
                         params->axis);
  }
  if (params->activation != kTfLiteActNone) {
    return Status::Error("fused activation has number %d; accepted is NONE",
                         static_cast<int>(params->activation));
  }
  return Status();
}

Status CheckInput(const TfLiteTensor* input, const TfLiteTensor& output,
                  DataType* type) {
  if (input == nullptr) return Status::Error("the node lacks an input");
  if (IsConstant(*input)) return Status::Error("an input is constant");
  Status status = ReadActivationType(*input, output, type);
  ActivationShape shape;
  if (status.ok()) status = ReadActivationShape(*input, kImageRank, &shape);
  if (!status.ok() || *type == DataType::kFloat32) return status;
  Quantization quantization;
  return ReadSameQuantization(*input, output, &quantization);
}

}  // namespace

Status ReadConcatenation(const TfLiteContext& context, const TfLiteNode& node,
                         SelectedNode* concatenation) {
  concatenation->output = TensorAt(node.outputs, 0);
  const TfLiteTensor* output = FindTensor(context, concatenation->output);
  if (output == nullptr || node.inputs == nullptr || node.inputs->size == 0) {
    return Status::Error("the node has no inputs or no output");
  }
  const Status status = CheckParams(
      static_cast<const TfLiteConcatenationParams*>(node.builtin_data));
  if (!status.ok()) return status;
  for (int i = 0; i < node.inputs->size; ++i) {
    const int input = TensorAt(node.inputs, i);
    const Status status =
        CheckInput(FindTensor(context, input), *output, &concatenation->type);
    if (!status.ok()) return status;
    concatenation->inputs.push_back(input);
  }
  concatenation->wants_reader = true;
  concatenation->op = CreateConcatenation(ElementBytes(concatenation->type));
  return Status();
}

}  // namespace tf_pconv
