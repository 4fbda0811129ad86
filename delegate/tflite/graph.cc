#include "delegate/tflite/graph.h"

#include <algorithm>

namespace tf_pconv {

Status ReadGraph(TfLiteContext* context, std::vector<GraphNode>* nodes) {
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk ||
      plan == nullptr) {
    return Status::Error("the runtime does not tell its execution plan");
  }
  // Copied: the plan belongs to the runtime and changes under us.
  const std::vector<int> indices(plan->data, plan->data + plan->size);
  nodes->clear();
  for (int index : indices) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) !=
            kTfLiteOk ||
        node == nullptr || registration == nullptr) {
      return Status::Error("the runtime does not know its node %d", index);
    }
    nodes->push_back({index, node, registration});
  }
  return Status();
}

bool IsDensify(const GraphNode& graph_node) {
  return graph_node.registration->builtin_code == kTfLiteBuiltinDensify;
}

int CountReads(const TfLiteNode& node, int tensor) {
  if (node.inputs == nullptr) return 0;
  const int* begin = node.inputs->data;
  return static_cast<int>(std::count(begin, begin + node.inputs->size, tensor));
}

}  // namespace tf_pconv
