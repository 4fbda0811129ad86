#include "delegate/tflite/between_nodes.h"

#include "delegate/tflite/concatenation_node.h"
#include "delegate/tflite/elementwise_node.h"
#include "delegate/tflite/mean_node.h"
#include "delegate/tflite/pad_node.h"
#include "delegate/tflite/pool_node.h"
#include "delegate/tflite/unary_node.h"

namespace tf_pconv {
namespace {

constexpr BetweenOperator kOperators[] = {
    {kTfLiteBuiltinAdd, "ADD", ReadAdd},
    {kTfLiteBuiltinAveragePool2d, "AVERAGE_POOL_2D", ReadAveragePool2D},
    {kTfLiteBuiltinConcatenation, "CONCATENATION", ReadConcatenation},
    {kTfLiteBuiltinHardSwish, "HARD_SWISH", ReadHardSwish},
    {kTfLiteBuiltinLeakyRelu, "LEAKY_RELU", ReadLeakyRelu},
    {kTfLiteBuiltinLogistic, "LOGISTIC", ReadLogistic},
    {kTfLiteBuiltinMaxPool2d, "MAX_POOL_2D", ReadMaxPool2D},
    {kTfLiteBuiltinMean, "MEAN", ReadMean},
    {kTfLiteBuiltinMul, "MUL", ReadMul},
    {kTfLiteBuiltinPad, "PAD", ReadPad},
    {kTfLiteBuiltinQuantize, "QUANTIZE", ReadQuantize},
    {kTfLiteBuiltinRelu, "RELU", ReadRelu},
    {kTfLiteBuiltinRelu6, "RELU6", ReadRelu6},
    {kTfLiteBuiltinReluN1To1, "RELU_N1_TO_1", ReadReluN1To1},
};

}  // namespace

const BetweenOperator* FindBetweenOperator(int code) {
  for (const BetweenOperator& kind : kOperators) {
    if (kind.code == code) return &kind;
  }
  return nullptr;
}

}  // namespace tf_pconv
