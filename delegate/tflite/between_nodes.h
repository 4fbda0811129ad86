#ifndef TF_PCONV_DELEGATE_TFLITE_BETWEEN_NODES_H_
#define TF_PCONV_DELEGATE_TFLITE_BETWEEN_NODES_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// A kind of operator that lies between convolutions.
struct BetweenOperator {
  TfLiteBuiltinOperator code;
  const char* name;
  // Reads a node of this kind, whose name and number are known, or tells why
  // the delegate cannot run it.
  Status (*read)(const TfLiteContext& context, const TfLiteNode& node,
                 SelectedNode* selected);
};

// Null where the delegate runs none of that code.
const BetweenOperator* FindBetweenOperator(int code);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_BETWEEN_NODES_H_
