#ifndef TF_PCONV_DELEGATE_TFLITE_SELECTED_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_SELECTED_NODE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "delegate/core/cost.h"
#include "delegate/core/operator.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// An operator that the delegate takes, ready for this processor.
struct SelectedNode {
  int node = 0;
  const char* operator_name = "";
  std::vector<int> inputs;  // tensors of the graph
  int output = 0;
  int least_input_rank = 0;  // dimensions that inputs must have
  bool flattens = false;     // the output has kLeastRank dimensions
  DataType type = DataType::kFloat32;
  // Of convolutions; 0 of others.
  size_t weight_bytes = 0;
  // Its part of the graph is taken: the runtime cannot run it, or its gain on
  // as many threads was measured.
  bool is_settled = false;
  // It is taken only if a node that is taken reads its output.
  bool wants_reader = false;
  // Predicted, or measured by a tuner; of convolutions.
  ConvCost cost = {0.0, 0.0};
  // What convolutions that do not gain alone lose together, in nanoseconds:
  // from the last one that does to here, or from here to the first that does.
  double loss = 0.0;
  std::unique_ptr<Operator> op;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_SELECTED_NODE_H_
