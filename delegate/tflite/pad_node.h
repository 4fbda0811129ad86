#ifndef TF_PCONV_DELEGATE_TFLITE_PAD_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_PAD_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Reads a PAD that adds rows and columns to an image.
Status ReadPad(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* pad);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_PAD_NODE_H_
