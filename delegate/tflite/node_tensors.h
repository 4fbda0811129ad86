#ifndef TF_PCONV_DELEGATE_TFLITE_NODE_TENSORS_H_
#define TF_PCONV_DELEGATE_TFLITE_NODE_TENSORS_H_

// What nodes of any kind say about their tensors.

#include <vector>

#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/quantization.h"
#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// The dimensions of activations: the last is that of channels, those before it
// are pixels.
inline constexpr int kLeastRank = 2;
inline constexpr int kImageRank = 4;  // NHWC

const char* TypeName(TfLiteType type);

// Whether the file holds its values.
bool IsConstant(const TfLiteTensor& tensor);

// Whether it is a constant of int32 numbers, as many as a tensor of these
// dimensions has.
bool IsInt32Constant(const TfLiteTensor& tensor, const std::vector<int>& dims);

// The tensor, or null where the graph has none of that number.
const TfLiteTensor* FindTensor(const TfLiteContext& context, int index);

// Number `i` of a node's inputs or outputs; kTfLiteOptionalTensor where there
// are fewer.
int TensorAt(const TfLiteIntArray* tensors, int i);

// The type that both have.
Status ReadActivationType(const TfLiteTensor& input, const TfLiteTensor& output,
                          DataType* type);

// Null where it has none.
const TfLiteAffineQuantizationParams* FindQuantization(
    const TfLiteTensor& tensor);

// The one scale and zero point of a tensor; `role` names it in the error.
Status ReadActivationQuantization(const TfLiteTensor& tensor, const char* role,
                                  Quantization* quantization);

// The same of an input and an output, which must not differ.
Status ReadSameQuantization(const TfLiteTensor& input,
                            const TfLiteTensor& output,
                            Quantization* quantization);

// Those of an int8 input and output.
Status ReadQuantizations(const TfLiteTensor& input, const TfLiteTensor& output,
                         Quantization* of_input, Quantization* of_output);

// The tensors of an operator that makes one image of another.
struct ImageTensors {
  const TfLiteTensor* input = nullptr;
  const TfLiteTensor* output = nullptr;
  ActivationShape shape;  // of the input
};

// Finds them, and fills the inputs, the output and the type of `selected`.
Status ReadImageTensors(const TfLiteContext& context, const TfLiteNode& node,
                        SelectedNode* selected, ImageTensors* tensors);

Status ReadPadding(TfLitePadding number, Padding* padding);

// A fused activation by its number in TensorFlow Lite.
Status ReadActivation(int number, Activation* activation);

// The sizes of a tensor of `least_rank` to four dimensions; an error where it
// has another rank or no size. Dimensions that lack before the pixels are 1.
Status ReadActivationShape(const TfLiteTensor& tensor, int least_rank,
                           ActivationShape* shape);

// Whether only an input of the graph decides how large dimension `i` is.
bool IsOpen(const TfLiteTensor& tensor, int i);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_NODE_TENSORS_H_
