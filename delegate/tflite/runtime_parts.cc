#include "delegate/tflite/runtime_parts.h"

#include <algorithm>
#include <cstddef>

namespace tf_pconv {
namespace {

constexpr int kNone = -1;

class Parts {
 public:
  explicit Parts(const std::vector<PlannedNode>& nodes)
      : nodes_(nodes), part_of_(nodes.size(), kNone) {
    for (const PlannedNode& node : nodes) {
      waiting_.insert(waiting_.end(), node.outputs.begin(), node.outputs.end());
    }
  }

  std::vector<int> Find() {
    int part = 0;
    while (Fill(part)) ++part;
    // What a broken graph never has the inputs of.
    std::replace(part_of_.begin(), part_of_.end(), kNone, part);
    return part_of_;
  }

 private:
  // False where no node is ready. One pass is enough: nodes are in order.
  bool Fill(int part) {
    bool is_empty = true;
    bool is_taken = false;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const PlannedNode& node = nodes_[i];
      if (part_of_[i] != kNone || !IsReady(node)) continue;
      if (is_empty) is_taken = node.is_taken;
      if (node.is_taken != is_taken) continue;
      is_empty = false;
      part_of_[i] = part;
      for (int output : node.outputs) {
        waiting_.erase(std::find(waiting_.begin(), waiting_.end(), output));
      }
    }
    return !is_empty;
  }

  bool IsReady(const PlannedNode& node) const {
    return std::none_of(
        node.inputs.begin(), node.inputs.end(), [this](int input) {
          return std::find(waiting_.begin(), waiting_.end(), input) !=
                 waiting_.end();
        });
  }

  const std::vector<PlannedNode>& nodes_;
  std::vector<int> part_of_;
  std::vector<int> waiting_;  // tensors that are not there yet
};

}  // namespace

std::vector<int> FindRuntimeParts(const std::vector<PlannedNode>& nodes) {
  return Parts(nodes).Find();
}

}  // namespace tf_pconv
