#include "delegate/tflite/between_nodes.h"

#include "delegate/tflite/add_node.h"
#include "delegate/tflite/max_pool_node.h"

namespace tf_pconv {
namespace {

constexpr BetweenOperator kOperators[] = {
    {kTfLiteBuiltinAdd, "ADD", ReadAdd},
    {kTfLiteBuiltinMaxPool2d, "MAX_POOL_2D", ReadMaxPool2D},
};

}  // namespace

const BetweenOperator* FindBetweenOperator(int code) {
  for (const BetweenOperator& kind : kOperators) {
    if (kind.code == code) return &kind;
  }
  return nullptr;
}

}  // namespace tf_pconv
