#ifndef TF_PCONV_DELEGATE_TFLITE_PARTITION_H_
#define TF_PCONV_DELEGATE_TFLITE_PARTITION_H_

#include <vector>

#include "delegate/core/status.h"
#include "delegate/core/tuning.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/options.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

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
// convolution on so many threads; and, with several threads, on each part
// of it that runs at once, whose gain has to outweigh that threads wake up.
// Fails where a PConv2D cannot run, because the runtime cannot run it either.
Status SelectNodes(TfLiteContext* context, const Options& options,
                   Selection* selection, const TuningTable& tuning = {},
                   int threads = 1);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_PARTITION_H_
