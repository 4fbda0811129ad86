#include "delegate/tflite/pad_node.h"

#include <cstdint>
#include <cstring>

#include "delegate/core/copy/pad.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

// For each dimension how many elements to put before it, and behind it.
using Borders = int32_t[kImageRank][2];

Status ReadBorders(const TfLiteTensor* tensor, Borders* borders) {
  if (tensor == nullptr || !IsInt32Constant(*tensor, {kImageRank, 2})) {
    return Status::Error("the borders are no constant of 4x2 int32");
  }
  memcpy(borders, tensor->data, sizeof(Borders));
  for (const auto& dimension : *borders) {
    for (int32_t border : dimension) {
      if (border < 0) {
        return Status::Error("a border is %d; accepted is 0 or more", border);
      }
    }
  }
  const auto& batch = (*borders)[0];
  const auto& channels = (*borders)[3];
  if (batch[0] != 0 || batch[1] != 0 || channels[0] != 0 || channels[1] != 0) {
    return Status::Error(
        "it adds images or channels; accepted are rows and "
        "columns");
  }
  return Status();
}

}  // namespace

Status ReadPad(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* pad) {
  if (TensorAt(node.inputs, 2) != kTfLiteOptionalTensor) {
    return Status::Error("it has a value of its own for the border");
  }
  ImageTensors tensors;
  Status status = ReadImageTensors(context, node, pad, &tensors);
  Borders borders;
  if (status.ok()) {
    status =
        ReadBorders(FindTensor(context, TensorAt(node.inputs, 1)), &borders);
  }
  Quantization quantization;
  if (status.ok() && pad->type == DataType::kInt8) {
    status =
        ReadSameQuantization(*tensors.input, *tensors.output, &quantization);
  }
  if (!status.ok()) return status;
  PadDescription description;
  description.element_bytes = ElementBytes(pad->type);
  description.value = static_cast<uint8_t>(quantization.zero_point);
  description.top = borders[1][0];
  description.bottom = borders[1][1];
  description.left = borders[2][0];
  description.right = borders[2][1];
  pad->wants_reader = true;
  pad->op = CreatePad(description);
  return Status();
}

}  // namespace tf_pconv
