#ifndef TF_PCONV_DELEGATE_TFLITE_POOL_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_POOL_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

Status ReadMaxPool2D(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* pool);

Status ReadAveragePool2D(const TfLiteContext& context, const TfLiteNode& node,
                         SelectedNode* pool);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_POOL_NODE_H_
