#ifndef TF_PCONV_DELEGATE_TFLITE_PARTITION_H_
#define TF_PCONV_DELEGATE_TFLITE_PARTITION_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "delegate/core/cost.h"
#include "delegate/core/operator.h"
#include "delegate/core/status.h"
#include "delegate/core/tuning.h"
#include "delegate/core/weights/pattern_weights.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/options.h"

namespace tf_pconv {

// The most inputs of an operator.
inline constexpr int kMaxInputs = 2;

// An operator that the delegate takes, ready for this processor.
struct SelectedNode {
  int node = 0;
  const char* operator_name = "";
  std::vector<int> inputs;  // tensors of the graph, all of one shape
  int output = 0;
  // As of a ConvNode.
  int least_input_rank = 0;
  bool flattens = false;
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
  std::unique_ptr<Operator> op;
};

// A node that stays with the runtime.
struct RefusedNode {
  int node = 0;
  const char* operator_name = "";
  Status reason;
};

// What the delegate does with a graph.
struct Selection {
  int graph_nodes = 0;
  // Nodes taken, in the order in which they run: operators, and each DENSIFY
  // whose result no other node reads.
  std::vector<int> nodes;
  std::vector<SelectedNode> operators;
  std::vector<RefusedNode> refused;
};

// Decides on each node of the graph: by `tuning` where that knows the
// convolution on so many threads; and, with several threads, on each connected
// part of it, whose gain has to outweigh that threads wake up. Fails where a
// PConv2D cannot run, because the runtime cannot run it either.
Status SelectNodes(TfLiteContext* context, const Options& options,
                   Selection* selection, const TuningTable& tuning = {},
                   int threads = 1);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_PARTITION_H_
