#ifndef TF_PCONV_DELEGATE_TFLITE_ADD_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_ADD_NODE_H_

#include "delegate/core/add/add.h"
#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"

namespace tf_pconv {

// An ADD of the graph, read for the core.
struct AddNode {
  int inputs[2] = {};  // tensors of the graph
  int output = 0;
  AddDescription description;
};

// Reads an ADD of two images of one shape, neither of them constant.
Status ReadAdd(const TfLiteContext& context, const TfLiteNode& node,
               AddNode* add);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_ADD_NODE_H_
