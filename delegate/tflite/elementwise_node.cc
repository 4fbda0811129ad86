#include "delegate/tflite/elementwise_node.h"

#include <cstddef>

#include "delegate/core/elementwise/elementwise.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

constexpr int kChannels = 3;  // the dimension

// How large a dimension is, or -1 where only an input of the graph decides.
int FixedSize(const TfLiteTensor& tensor, int i) {
  const TfLiteIntArray* signature = tensor.dims_signature;
  return signature != nullptr && signature->size == tensor.dims->size
             ? signature->data[i]
             : tensor.dims->data[i];
}

// Also after an application has resized inputs.
bool IsSame(const TfLiteTensor& a, const TfLiteTensor& b, int i) {
  return a.dims->data[i] == b.dims->data[i] &&
         FixedSize(a, i) == FixedSize(b, i);
}

bool AreOfOneShape(const TfLiteTensor& a, const TfLiteTensor& b) {
  for (int i = 0; i < kImageRank; ++i) {
    if (!IsSame(a, b, i)) return false;
  }
  return true;
}

bool AreValuesOf(const TfLiteTensor& values, const TfLiteTensor& image) {
  return IsSame(values, image, kChannels) && FixedSize(values, 1) == 1 &&
         FixedSize(values, 2) == 1 &&
         (IsSame(values, image, 0) || FixedSize(values, 0) == 1);
}

Status CheckImages(const TfLiteTensor& a, const TfLiteTensor& b) {
  ActivationShape shape;
  Status status = ReadActivationShape(a, kImageRank, &shape);
  if (status.ok()) status = ReadActivationShape(b, kImageRank, &shape);
  if (!status.ok()) return status;
  if (AreOfOneShape(a, b) || AreValuesOf(a, b) || AreValuesOf(b, a)) {
    return status;
  }
  return Status::Error(
      "its inputs differ in shape, and neither has 1x1 pixels and as many "
      "channels as the other");
}

Status ReadConstant(const TfLiteTensor& tensor, const TfLiteTensor& image,
                    ElementwiseDescription* description) {
  if (tensor.dims == nullptr) return Status::Error("a constant has no shape");
  ActivationShape values, shape;
  Status status = ReadActivationShape(image, kImageRank, &shape);
  if (status.ok()) status = ReadActivationShape(tensor, 0, &values);
  if (!status.ok()) return status;
  const int count = values.channels;
  if (!(values == ActivationShape{1, 1, 1, count}) ||
      (count != 1 && count != FixedSize(image, kChannels))) {
    return Status::Error(
        "a constant of %dx%dx%dx%d; accepted are one number, or one for each "
        "of the %d channels",
        values.batch, values.height, values.width, count, shape.channels);
  }
  const size_t bytes = count * ElementBytes(description->type);
  if (tensor.bytes != bytes) {
    return Status::Error("a constant has %zu bytes, expected %zu", tensor.bytes,
                         bytes);
  }
  description->constant.values = tensor.data;
  description->constant.count = count;
  return status;
}

Status ReadQuantizations(const TfLiteTensor* const* operands,
                         const TfLiteTensor& output,
                         ElementwiseDescription* description) {
  Status status = ReadActivationQuantization(*operands[0], "first input",
                                             &description->operands[0]);
  if (status.ok()) {
    status = ReadActivationQuantization(*operands[1], "second input",
                                        &description->operands[1]);
  }
  if (!status.ok()) return status;
  return ReadActivationQuantization(output, "output", &description->output);
}

// Reads types, shapes, and which operand is constant.
Status ReadOperands(const TfLiteTensor* const* operands,
                    const TfLiteTensor& output,
                    ElementwiseDescription* description) {
  for (int i = 0; i < 2; ++i) {
    const Status status =
        ReadActivationType(*operands[i], output, &description->type);
    if (!status.ok()) return status;
  }
  const bool is_constant[] = {IsConstant(*operands[0]),
                              IsConstant(*operands[1])};
  if (is_constant[0] && is_constant[1]) {
    return Status::Error("both inputs are constant");
  }
  if (!is_constant[0] && !is_constant[1]) {
    return CheckImages(*operands[0], *operands[1]);
  }
  const int constant = is_constant[0] ? 0 : 1;
  description->constant.operand = constant;
  return ReadConstant(*operands[constant], *operands[1 - constant],
                      description);
}

template <typename Params>
Status Read(const TfLiteContext& context, const TfLiteNode& node,
            ElementwiseFunction function, SelectedNode* selected) {
  const TfLiteTensor* operands[2];
  for (int i = 0; i < 2; ++i) {
    operands[i] = FindTensor(context, TensorAt(node.inputs, i));
  }
  selected->output = TensorAt(node.outputs, 0);
  const TfLiteTensor* output = FindTensor(context, selected->output);
  if (operands[0] == nullptr || operands[1] == nullptr || output == nullptr) {
    return Status::Error("the node lacks an input or the output");
  }
  const auto* params = static_cast<const Params*>(node.builtin_data);
  if (params == nullptr) return Status::Error("the node has no parameters");
  ElementwiseDescription description;
  description.function = function;
  Status status = ReadOperands(operands, *output, &description);
  if (status.ok()) {
    status = ReadActivation(params->activation, &description.activation);
  }
  if (status.ok() && description.type == DataType::kInt8) {
    status = ReadQuantizations(operands, *output, &description);
  }
  if (!status.ok()) return status;
  for (int i = 0; i < 2; ++i) {
    if (IsConstant(*operands[i])) continue;
    selected->inputs.push_back(TensorAt(node.inputs, i));
  }
  selected->type = description.type;
  selected->wants_reader = true;
  selected->op = CreateElementwise(description, &status);
  return status;
}

}  // namespace

Status ReadAdd(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* add) {
  return Read<TfLiteAddParams>(context, node, ElementwiseFunction::kSum, add);
}

Status ReadMul(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* mul) {
  return Read<TfLiteMulParams>(context, node, ElementwiseFunction::kProduct,
                               mul);
}

}  // namespace tf_pconv
