#ifndef TF_PCONV_DELEGATE_TFLITE_RUNTIME_PARTS_H_
#define TF_PCONV_DELEGATE_TFLITE_RUNTIME_PARTS_H_

#include <vector>

namespace tf_pconv {

// A node as far as the order in which the runtime runs it depends on it.
struct PlannedNode {
  std::vector<int> inputs;  // tensors
  std::vector<int> outputs;
  bool is_taken = false;  // by the delegate
};

// For each node, given in an order in which they can run, the part of the graph
// that it runs in; parts are numbered in the order in which they run. Like the
// runtime, a part takes all that is ready and that the same side runs.
std::vector<int> FindRuntimeParts(const std::vector<PlannedNode>& nodes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_RUNTIME_PARTS_H_
