#ifndef TF_PCONV_DELEGATE_TFLITE_MAX_POOL_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_MAX_POOL_NODE_H_

#include "delegate/core/max_pool/max_pool.h"
#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"

namespace tf_pconv {

// A MAX_POOL_2D of the graph, read for the core.
struct MaxPoolNode {
  int input = 0;  // tensors of the graph
  int output = 0;
  MaxPoolDescription description;
};

Status ReadMaxPool2D(const TfLiteContext& context, const TfLiteNode& node,
                     MaxPoolNode* pool);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_MAX_POOL_NODE_H_
