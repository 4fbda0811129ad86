#ifndef TF_PCONV_DELEGATE_TFLITE_ELEMENTWISE_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_ELEMENTWISE_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Read an ADD or a MUL of two images of one shape, or of an image and values of
// its channels: a constant, or an image of one pixel.
Status ReadAdd(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* add);
Status ReadMul(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* mul);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_ELEMENTWISE_NODE_H_
