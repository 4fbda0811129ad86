#ifndef TF_PCONV_DELEGATE_TFLITE_CONV_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_CONV_NODE_H_

#include <vector>

#include "delegate/core/depthwise/weights.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"
#include "delegate/core/stem/weights.h"
#include "delegate/core/weights/pattern_weights.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {

// A convolution of the graph, or a fully-connected layer, which is a 1x1
// convolution of the pixels that its input has, read for the core.
// `description` points to weights of this struct, which is therefore not
// copied, and into the model.
struct ConvNode {
  ConvNode() = default;
  ConvNode(const ConvNode&) = delete;
  ConvNode& operator=(const ConvNode&) = delete;

  int input = 0;  // tensors of the graph
  int output = 0;
  int least_input_rank = kImageRank;
  bool flattens = false;  // the output's pixels have one dimension
  PatternWeights weights;
  DepthwiseWeights depthwise;
  StemWeights stem;
  ConvDescription description;
};

// Reads the custom operator PConv2D, see docs/fkw.md.
Status ReadPConv2D(const TfLiteContext& context, const TfLiteNode& node,
                   int version, ConvNode* conv);

// Reads a CONV_2D whose weights follow patterns, or, as a stem, one of few
// channels. `weights` is the constant tensor that holds them: the node's own,
// or the input of the DENSIFY that makes it.
Status ReadConv2D(const TfLiteContext& context, const TfLiteNode& node,
                  const TfLiteTensor& weights, ConvNode* conv);

// Reads a DEPTHWISE_CONV_2D with a 3x3 or 5x5 kernel for each channel;
// `weights` as above.
Status ReadDepthwiseConv2D(const TfLiteContext& context, const TfLiteNode& node,
                           const TfLiteTensor& weights, ConvNode* conv);

// Reads a FULLY_CONNECTED with connectivity sparsity; `weights` as above.
Status ReadFullyConnected(const TfLiteContext& context, const TfLiteNode& node,
                          const TfLiteTensor& weights, ConvNode* conv);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_CONV_NODE_H_
