#ifndef TF_PCONV_DELEGATE_TFLITE_GRAPH_H_
#define TF_PCONV_DELEGATE_TFLITE_GRAPH_H_

#include <vector>

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"

namespace tf_pconv {

struct GraphNode {
  int index;
  const TfLiteNode* node;
  const TfLiteRegistration* registration;
};

// The nodes of the runtime's graph, in the order in which they run.
Status ReadGraph(TfLiteContext* context, std::vector<GraphNode>* nodes);

bool IsDensify(const GraphNode& graph_node);

// How many of the node's inputs are the tensor.
int CountReads(const TfLiteNode& node, int tensor);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_GRAPH_H_
