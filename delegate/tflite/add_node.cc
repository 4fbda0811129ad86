#include "delegate/tflite/add_node.h"

#include <algorithm>

#include "delegate/core/add/add.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

bool SameSizes(const TfLiteIntArray* a, const TfLiteIntArray* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->size == b->size && std::equal(a->data, a->data + a->size, b->data);
}

// Inputs of other shapes are broadcast, also those that the file lets an
// application resize.
Status CheckShapes(const TfLiteTensor& a, const TfLiteTensor& b) {
  ActivationShape shape;
  const Status status = ReadActivationShape(a, kImageRank, &shape);
  if (!status.ok()) return status;
  if (!SameSizes(a.dims, b.dims) ||
      !SameSizes(a.dims_signature, b.dims_signature)) {
    return Status::Error("its inputs differ in shape");
  }
  return status;
}

Status ReadQuantization(const TfLiteTensor& tensor, const char* role,
                        AddDescription::Quantization* quantization) {
  return ReadActivationQuantization(tensor, role, &quantization->scale,
                                    &quantization->zero_point);
}

Status ReadQuantizations(const TfLiteTensor* const* inputs,
                         const TfLiteTensor& output,
                         AddDescription* description) {
  Status status =
      ReadQuantization(*inputs[0], "first input", &description->inputs[0]);
  if (status.ok()) {
    status =
        ReadQuantization(*inputs[1], "second input", &description->inputs[1]);
  }
  if (!status.ok()) return status;
  return ReadQuantization(output, "output", &description->output);
}

}  // namespace

Status ReadAdd(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* add) {
  const TfLiteTensor* inputs[2];
  for (int i = 0; i < 2; ++i) {
    add->inputs.push_back(TensorAt(node.inputs, i));
    inputs[i] = FindTensor(context, add->inputs[i]);
  }
  add->output = TensorAt(node.outputs, 0);
  const TfLiteTensor* output = FindTensor(context, add->output);
  if (inputs[0] == nullptr || inputs[1] == nullptr || output == nullptr) {
    return Status::Error("the node lacks an input or the output");
  }
  AddDescription description;
  for (const TfLiteTensor* input : inputs) {
    const Status status =
        ReadActivationType(*input, *output, &description.type);
    if (!status.ok()) return status;
    if (IsConstant(*input)) return Status::Error("an input is constant");
  }
  Status status = CheckShapes(*inputs[0], *inputs[1]);
  if (!status.ok()) return status;
  const auto* params = static_cast<const TfLiteAddParams*>(node.builtin_data);
  if (params == nullptr) return Status::Error("the node has no parameters");
  status = ReadActivation(params->activation, &description.activation);
  if (status.ok() && description.type == DataType::kInt8) {
    status = ReadQuantizations(inputs, *output, &description);
  }
  if (!status.ok()) return status;
  add->type = description.type;
  add->wants_reader = true;
  add->op = CreateAdd(description, &status);
  return status;
}

}  // namespace tf_pconv
