#ifndef TF_PCONV_DELEGATE_CORE_UNARY_UNARY_H_
#define TF_PCONV_DELEGATE_CORE_UNARY_UNARY_H_

#include <memory>

#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/quantization.h"
#include "delegate/core/status.h"
#include "delegate/core/unary/kernel.h"

namespace tf_pconv {

enum class UnaryFunction {
  kClamp,  // to the range of an activation
  kLeakyRelu,
  kHardSwish,  // x * min(max(x + 3, 0), 6) / 6
  kLogistic,   // 1 / (1 + exp(-x))
};

// A function of each value of a tensor.
struct UnaryDescription {
  UnaryFunction function = UnaryFunction::kClamp;
  DataType type = DataType::kFloat32;
  Activation activation = Activation::kNone;  // of the clamp
  float slope = 0.0f;                         // of the leaky RELU
  // int8 only. They may differ.
  Quantization input;
  Quantization output;
};

// Returns null and sets `status` where scales or zero points make no sense, or
// this processor has no kernel.
std::unique_ptr<Operator> CreateUnary(const UnaryDescription& description,
                                      Status* status);

// With a kernel that the processor can run. The description makes sense.
std::unique_ptr<Operator> CreateUnary(const UnaryDescription& description,
                                      const UnaryKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_UNARY_UNARY_H_
