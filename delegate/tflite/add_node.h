#ifndef TF_PCONV_DELEGATE_TFLITE_ADD_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_ADD_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Reads an ADD of two images of one shape, neither of them constant.
Status ReadAdd(const TfLiteContext& context, const TfLiteNode& node,
               SelectedNode* add);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_ADD_NODE_H_
