#include "delegate/tflite/partition.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "delegate/tflite/between_nodes.h"
#include "delegate/tflite/conv_factory.h"
#include "delegate/tflite/conv_node.h"
#include "delegate/tflite/graph.h"
#include "delegate/tflite/node_tensors.h"
#include "delegate/tflite/runtime_parts.h"

namespace tf_pconv {
namespace {

bool IsPConv2D(const TfLiteRegistration& registration) {
  return registration.builtin_code == kTfLiteBuiltinCustom &&
         registration.custom_name != nullptr &&
         strcmp(registration.custom_name, "PConv2D") == 0;
}

std::vector<int> Numbers(const TfLiteIntArray* array) {
  if (array == nullptr) return {};
  return std::vector<int>(array->data, array->data + array->size);
}

bool IsAmong(int tensor, const std::vector<int>& tensors) {
  return std::find(tensors.begin(), tensors.end(), tensor) != tensors.end();
}

class Selector {
 public:
  Selector(TfLiteContext* context, const Options& options,
           const TuningTable& tuning, int threads, Selection* selection)
      : context_(context),
        options_(options),
        threads_(threads),
        convs_(*context, options, tuning, threads),
        selection_(selection) {}

  Status Select() {
    Status status = ReadGraph(context_, &nodes_);
    selection_->graph_nodes = static_cast<int>(nodes_.size());
    for (const GraphNode& graph_node : nodes_) {
      if (status.ok()) status = SelectConv(graph_node);
    }
    if (!status.ok()) return status;
    SelectBetween();
    DropSmallParts();
    SelectDensify();
    for (const GraphNode& graph_node : nodes_) {
      if (IsTaken(graph_node.index)) {
        selection_->nodes.push_back(graph_node.index);
      }
    }
    return Status();
  }

 private:
  Status SelectConv(const GraphNode& graph_node) {
    if (IsPConv2D(*graph_node.registration)) {
      const Status status = TakePConv2D(graph_node);
      if (status.ok()) return status;
      return Status::Error("PConv2D node %d cannot run: %s", graph_node.index,
                           status.message());
    }
    const char* name = nullptr;
    Status status;
    switch (graph_node.registration->builtin_code) {
      case kTfLiteBuiltinConv2d:
        name = "CONV_2D";
        status = TakeBuiltin(graph_node, name, ReadConv2D);
        break;
      case kTfLiteBuiltinDepthwiseConv2d:
        name = "DEPTHWISE_CONV_2D";
        status = TakeBuiltin(graph_node, name, ReadDepthwiseConv2D);
        break;
      case kTfLiteBuiltinFullyConnected:
        name = "FULLY_CONNECTED";
        status = TakeBuiltin(graph_node, name, ReadFullyConnected);
        break;
    }
    if (!status.ok()) {
      selection_->refused.push_back({graph_node.index, name, status});
    }
    return Status();
  }

  Status TakePConv2D(const GraphNode& graph_node) {
    ConvNode conv;
    Status status = ReadPConv2D(*context_, *graph_node.node,
                                graph_node.registration->version, &conv);
    if (status.ok()) {
      status = Take(graph_node.index, "PConv2D", convs_.FindCost(conv), conv);
    }
    if (status.ok()) selection_->operators.back().is_settled = true;
    return status;
  }

  // Takes what the runtime could run as well, where that is faster.
  template <typename Read>
  Status TakeBuiltin(const GraphNode& graph_node, const char* name, Read read) {
    const TfLiteTensor* weights = FindWeights(*graph_node.node);
    if (weights == nullptr) return Status::Error("the node has no weights");
    ConvNode conv;
    const Status status = read(*context_, *graph_node.node, *weights, &conv);
    if (!status.ok()) return status;
    const ConvCost cost = convs_.FindCost(conv);
    if (cost.speedup() >= options_.min_speedup) {
      return Take(graph_node.index, name, cost, conv);
    }
    if (Loss(cost) > CutNanoseconds(cost)) return LittleGain(cost);
    return TakeIfBetween(graph_node.index, name, cost, conv);
  }

  // Of a convolution between nodes that are taken.
  static double Loss(const ConvCost& cost) {
    return std::max(0.0, cost.ours - cost.dense);
  }

  // What it saves at least that the graph is not cut there.
  double CutNanoseconds(const ConvCost& cost) const {
    return cost.cut + LeastWakingNanoseconds(threads_);
  }

  Status LittleGain(const ConvCost& cost) const {
    if (!std::isfinite(cost.ours)) {
      return Status::Error(
          "it could be taken, but no kernel can compute it on "
          "this processor");
    }
    return Status::Error(
        "it could be taken, but the predicted gain of %.2f is below "
        "min_speedup %.2f",
        cost.speedup(), options_.min_speedup);
  }

  // The constant that holds the weights of a convolution: its own, or what the
  // DENSIFY before it reads.
  const TfLiteTensor* FindWeights(const TfLiteNode& node) const {
    int weights = TensorAt(node.inputs, 1);
    for (const GraphNode& producer : nodes_) {
      if (IsDensify(producer) && weights != kTfLiteOptionalTensor &&
          TensorAt(producer.node->outputs, 0) == weights) {
        weights = TensorAt(producer.node->inputs, 0);
        break;
      }
    }
    return FindTensor(*context_, weights);
  }

  Status Take(int node, const char* name, const ConvCost& cost,
              const ConvNode& conv) {
    SelectedNode selected;
    const Status status = convs_.Make(node, name, cost, conv, &selected);
    if (status.ok()) selection_->operators.push_back(std::move(selected));
    return status;
  }

  // Leaves it to SelectBetween.
  Status TakeIfBetween(int node, const char* name, const ConvCost& cost,
                       const ConvNode& conv) {
    SelectedNode selected;
    const Status status = convs_.Make(node, name, cost, conv, &selected);
    selected.wants_reader = true;
    selected.is_settled = false;
    if (status.ok()) small_convs_.push_back(std::move(selected));
    return status;
  }

  // Takes what lies between convolutions that are taken, behind them, or
  // between them and the inputs of the graph: it alone is not faster than the
  // runtime's, but would part them. So would small convolutions.
  void SelectBetween() {
    for (const GraphNode& graph_node : nodes_) {
      const TfLiteNode& node = *graph_node.node;
      if (ReadsTaken(node)) TakeBetween(graph_node, LossBefore(node));
    }
    SelectFirst();
    for (const SelectedNode& conv : small_convs_) {
      if (conv.op == nullptr) continue;  // taken
      selection_->refused.push_back(
          {conv.node, conv.operator_name, LittleGain(conv.cost)});
    }
    SortOperators();
    DropUnread();
  }

  void SelectFirst() {
    std::vector<const GraphNode*> first;
    std::vector<int> computed;  // by all other nodes
    for (const GraphNode& graph_node : nodes_) {
      if (IsDensify(graph_node)) continue;  // of constants
      const TfLiteNode& node = *graph_node.node;
      const bool reads_computed =
          std::any_of(computed.begin(), computed.end(),
                      [&](int tensor) { return CountReads(node, tensor) > 0; });
      if (!reads_computed && MayLieBetween(graph_node)) {
        first.push_back(&graph_node);
        continue;
      }
      const std::vector<int> outputs = Numbers(node.outputs);
      computed.insert(computed.end(), outputs.begin(), outputs.end());
    }
    for (size_t i = first.size(); i-- > 0;) {
      const int output = TensorAt(first[i]->node->outputs, 0);
      if (!IsReadByTaken(output)) continue;
      TakeBetween(*first[i], LossBehind(output));
      if (IsTakenOperator(first[i]->index)) {
        selection_->operators.back().wants_reader = true;
      }
    }
    // A chain that was not taken up to the inputs parts the graph all the same.
    for (const GraphNode* graph_node : first) {
      const bool is_severed =
          std::any_of(first.begin(), first.end(), [&](const GraphNode* other) {
            const int output = TensorAt(other->node->outputs, 0);
            return !IsTakenOperator(other->index) &&
                   CountReads(*graph_node->node, output) > 0;
          });
      if (is_severed) DropNode(graph_node->index);
    }
  }

  void DropNode(int node) {
    for (size_t i = selection_->operators.size(); i-- > 0;) {
      if (selection_->operators[i].node != node) continue;
      Drop(i, "the runtime computes what it reads");
    }
  }

  // `reason` is that of what is no convolution.
  void Drop(size_t index, const char* reason) {
    std::vector<SelectedNode>& operators = selection_->operators;
    const SelectedNode& dropped = operators[index];
    selection_->refused.push_back({dropped.node, dropped.operator_name,
                                   dropped.weight_bytes > 0
                                       ? LittleGain(dropped.cost)
                                       : Status::Error("%s", reason)});
    operators.erase(operators.begin() + index);
  }

  bool MayLieBetween(const GraphNode& graph_node) {
    return FindBetweenOperator(graph_node.registration->builtin_code) !=
               nullptr ||
           FindSmallConv(graph_node.index) != nullptr;
  }

  // Null where it is none, or taken.
  SelectedNode* FindSmallConv(int node) {
    for (SelectedNode& conv : small_convs_) {
      if (conv.node == node && conv.op != nullptr) return &conv;
    }
    return nullptr;
  }

  // Into the order in which they run.
  void SortOperators() {
    std::vector<SelectedNode> sorted;
    for (const GraphNode& graph_node : nodes_) {
      for (SelectedNode& selected : selection_->operators) {
        if (selected.node != graph_node.index) continue;
        sorted.push_back(std::move(selected));
      }
    }
    selection_->operators = std::move(sorted);
  }

  // What leaves the region should be smaller than what came in.
  void DropUnread() {
    for (size_t i = selection_->operators.size(); i-- > 0;) {
      const SelectedNode& selected = selection_->operators[i];
      if (!selected.wants_reader || IsReadByTaken(selected.output)) continue;
      Drop(i, "no node that is taken reads it");
    }
  }

  // Takes a node that may lie between others, if it is one; `loss` is that of
  // its neighbours.
  void TakeBetween(const GraphNode& graph_node, double loss) {
    if (SelectedNode* conv = FindSmallConv(graph_node.index)) {
      conv->loss = loss + Loss(conv->cost);
      if (conv->loss > CutNanoseconds(conv->cost)) return;
      selection_->operators.push_back(std::move(*conv));
      return;
    }
    const BetweenOperator* kind =
        FindBetweenOperator(graph_node.registration->builtin_code);
    if (kind == nullptr) return;
    SelectedNode selected;
    selected.node = graph_node.index;
    selected.operator_name = kind->name;
    selected.least_input_rank = kImageRank;
    selected.loss = loss;
    const Status status = kind->read(*context_, *graph_node.node, &selected);
    if (status.ok()) {
      selection_->operators.push_back(std::move(selected));
    } else {
      selection_->refused.push_back({graph_node.index, kind->name, status});
    }
  }

  // Drops parts of the graph that are too small for several threads.
  void DropSmallParts() {
    if (threads_ == 1) return;
    struct Part {
      ConvCost cost;
      bool is_settled;
    };
    std::vector<SelectedNode>& operators = selection_->operators;
    const std::vector<int> part_of = FindParts();
    std::vector<Part> parts(nodes_.size(),
                            {{0.0, 0.0, WakingNanoseconds(threads_)}, false});
    for (size_t i = 0; i < operators.size(); ++i) {
      Part& part = parts[part_of[i]];
      part.cost.dense += operators[i].cost.dense;
      part.cost.ours += operators[i].cost.ours + operators[i].cost.cut;
      part.is_settled |= operators[i].is_settled;
    }
    std::vector<SelectedNode> kept;
    for (size_t i = 0; i < operators.size(); ++i) {
      const Part& part = parts[part_of[i]];
      if (part.is_settled || part.cost.speedup() >= options_.min_speedup) {
        kept.push_back(std::move(operators[i]));
        continue;
      }
      selection_->refused.push_back(
          {operators[i].node, operators[i].operator_name,
           Status::Error(
               "it could be taken, but the predicted gain of %.2f, of its part "
               "of the graph on %d threads, is below min_speedup %.2f",
               part.cost.speedup(), threads_, options_.min_speedup)});
    }
    operators = std::move(kept);
    DropUnread();
  }

  // For each operator that was taken, the part of the graph that it runs in.
  std::vector<int> FindParts() const {
    std::vector<PlannedNode> plan;
    std::vector<int> indices;
    for (const GraphNode& graph_node : nodes_) {
      // Depends on constants only: its result is there from the beginning.
      if (IsDensify(graph_node)) continue;
      plan.push_back({Numbers(graph_node.node->inputs),
                      Numbers(graph_node.node->outputs),
                      IsTakenOperator(graph_node.index)});
      indices.push_back(graph_node.index);
    }
    const std::vector<int> part_of = FindRuntimeParts(plan);
    std::vector<int> parts;
    for (const SelectedNode& selected : selection_->operators) {
      const auto place =
          std::find(indices.begin(), indices.end(), selected.node);
      parts.push_back(part_of[place - indices.begin()]);
    }
    return parts;
  }

  // Whether an input of the node is computed by one that was taken.
  bool ReadsTaken(const TfLiteNode& node) const {
    return std::any_of(selection_->operators.begin(),
                       selection_->operators.end(),
                       [&node](const SelectedNode& taken) {
                         return CountReads(node, taken.output) > 0;
                       });
  }

  // The largest loss up to an input of the node.
  double LossBefore(const TfLiteNode& node) const {
    double loss = 0.0;
    for (const SelectedNode& taken : selection_->operators) {
      if (CountReads(node, taken.output) > 0) loss = std::max(loss, taken.loss);
    }
    return loss;
  }

  // The largest loss from a reader of the tensor on.
  double LossBehind(int tensor) const {
    double loss = 0.0;
    for (const SelectedNode& taken : selection_->operators) {
      if (IsAmong(tensor, taken.inputs)) loss = std::max(loss, taken.loss);
    }
    return loss;
  }

  bool IsReadByTaken(int tensor) const {
    return std::any_of(selection_->operators.begin(),
                       selection_->operators.end(),
                       [tensor](const SelectedNode& taken) {
                         return IsAmong(tensor, taken.inputs);
                       });
  }

  // Takes each DENSIFY whose result is read only as the weights of convolutions
  // that were taken.
  void SelectDensify() {
    for (const GraphNode& densify : nodes_) {
      if (!IsDensify(densify)) continue;
      const int output = TensorAt(densify.node->outputs, 0);
      bool is_read = false;
      bool only_by_taken = true;
      for (const GraphNode& reader : nodes_) {
        const int reads = CountReads(*reader.node, output);
        if (reads == 0) continue;
        is_read = true;
        only_by_taken &= IsTakenOperator(reader.index) && reads == 1 &&
                         TensorAt(reader.node->inputs, 1) == output;
      }
      if (is_read && only_by_taken && !IsReadByTaken(output)) {
        densify_.push_back(densify.index);
      }
    }
  }

  bool IsTakenOperator(int node) const {
    return std::any_of(
        selection_->operators.begin(), selection_->operators.end(),
        [node](const SelectedNode& taken) { return taken.node == node; });
  }

  bool IsTaken(int node) const {
    return IsTakenOperator(node) ||
           std::find(densify_.begin(), densify_.end(), node) != densify_.end();
  }

  TfLiteContext* const context_;
  const Options& options_;
  const int threads_;
  const ConvFactory convs_;
  Selection* const selection_;
  std::vector<GraphNode> nodes_;
  // Convolutions that gain too little alone, but would cost more if they parted
  // the graph.
  std::vector<SelectedNode> small_convs_;
  std::vector<int> densify_;
};

}  // namespace

Status SelectNodes(TfLiteContext* context, const Options& options,
                   Selection* selection, const TuningTable& tuning,
                   int threads) {
  return Selector(context, options, tuning, threads, selection).Select();
}

}  // namespace tf_pconv
