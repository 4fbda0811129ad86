#include "delegate/tflite/runtime_parts.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace tf_pconv {
namespace {

constexpr int kNone = -1;

class Parts {
 public:
  explicit Parts(const std::vector<PlannedNode>& nodes)
      : nodes_(nodes), producers_(nodes.size()), part_of_(nodes.size(), kNone) {
    std::vector<std::pair<int, size_t>> outputs;  // and who computes them
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (int output : nodes[i].outputs) outputs.push_back({output, i});
    }
    std::sort(outputs.begin(), outputs.end());
    for (size_t i = 0; i < nodes.size(); ++i) {
      for (int input : nodes[i].inputs) {
        auto it = std::lower_bound(outputs.begin(), outputs.end(),
                                   std::pair<int, size_t>(input, 0));
        for (; it != outputs.end() && it->first == input; ++it) {
          producers_[i].push_back(it->second);
        }
      }
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
      if (part_of_[i] != kNone || !IsReady(i)) continue;
      if (is_empty) is_taken = nodes_[i].is_taken;
      if (nodes_[i].is_taken != is_taken) continue;
      is_empty = false;
      part_of_[i] = part;
    }
    return !is_empty;
  }

  bool IsReady(size_t node) const {
    return std::none_of(
        producers_[node].begin(), producers_[node].end(),
        [this](size_t producer) { return part_of_[producer] == kNone; });
  }

  const std::vector<PlannedNode>& nodes_;
  std::vector<std::vector<size_t>> producers_;  // of each node's inputs
  std::vector<int> part_of_;
};

}  // namespace

std::vector<int> FindRuntimeParts(const std::vector<PlannedNode>& nodes) {
  return Parts(nodes).Find();
}

}  // namespace tf_pconv
