#ifndef TF_PCONV_DELEGATE_TFLITE_PARTITION_H_
#define TF_PCONV_DELEGATE_TFLITE_PARTITION_H_

#include <memory>
#include <vector>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/pattern_weights.h"
#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/options.h"

namespace tf_pconv {

// A convolution that the delegate takes, packed for this processor.
struct SelectedConv {
  int node = 0;
  int input = 0;  // tensors of the graph
  int output = 0;
  DataType type = DataType::kFloat32;
  double speedup = 0.0;  // predicted; 0 where the input size is not known
  std::unique_ptr<PatternConv> conv;
};

// A convolution that stays with the runtime.
struct RefusedConv {
  int node = 0;
  const char* operator_name = "";
  Status reason;
};

// What the delegate does with a graph.
struct Selection {
  int graph_nodes = 0;
  // Nodes taken, in the order in which they run: convolutions, and each DENSIFY
  // whose result no other node reads.
  std::vector<int> nodes;
  std::vector<SelectedConv> convs;
  std::vector<RefusedConv> refused;
};

// Decides on each node of the graph. Fails where a PConv2D cannot run, because
// the runtime cannot run it either.
Status SelectNodes(TfLiteContext* context, const Options& options,
                   Selection* selection);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_PARTITION_H_
