#ifndef TF_PCONV_DELEGATE_TFLITE_CONCATENATION_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_CONCATENATION_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Reads a CONCATENATION of the channels of images.
Status ReadConcatenation(const TfLiteContext& context, const TfLiteNode& node,
                         SelectedNode* concatenation);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_CONCATENATION_NODE_H_
