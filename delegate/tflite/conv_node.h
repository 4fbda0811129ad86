#ifndef TF_PCONV_DELEGATE_TFLITE_CONV_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_CONV_NODE_H_

#include <vector>

#include "delegate/core/depthwise/weights.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"
#include "delegate/core/weights/pattern_weights.h"
#include "delegate/tflite/abi.h"

namespace tf_pconv {

// A convolution of the graph, read for the core. `description` points to
// weights of this struct, which is therefore not copied, and into the model.
struct ConvNode {
  ConvNode() = default;
  ConvNode(const ConvNode&) = delete;
  ConvNode& operator=(const ConvNode&) = delete;

  int input = 0;  // tensors of the graph
  int output = 0;
  PatternWeights weights;
  DepthwiseWeights depthwise;
  ConvDescription description;
};

// The tensor, or null where the graph has none of that number.
const TfLiteTensor* FindTensor(const TfLiteContext& context, int index);

// Number `i` of a node's inputs or outputs; kTfLiteOptionalTensor where there
// are fewer.
int TensorAt(const TfLiteIntArray* tensors, int i);

// The sizes of an NHWC tensor; an error where it has another rank or no size.
Status ReadActivationShape(const TfLiteTensor& tensor, ActivationShape* shape);

// Reads the custom operator PConv2D, see docs/fkw.md.
Status ReadPConv2D(const TfLiteContext& context, const TfLiteNode& node,
                   int version, ConvNode* conv);

// Reads a CONV_2D whose weights follow patterns. `weights` is the constant
// tensor that holds them: the node's own, or the input of the DENSIFY that
// makes it.
Status ReadConv2D(const TfLiteContext& context, const TfLiteNode& node,
                  const TfLiteTensor& weights, ConvNode* conv);

// Reads a DEPTHWISE_CONV_2D with a 3x3 kernel for each channel; `weights` as
// above.
Status ReadDepthwiseConv2D(const TfLiteContext& context, const TfLiteNode& node,
                           const TfLiteTensor& weights, ConvNode* conv);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_CONV_NODE_H_
