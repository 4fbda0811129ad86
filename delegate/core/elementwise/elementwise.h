#ifndef TF_PCONV_DELEGATE_CORE_ELEMENTWISE_ELEMENTWISE_H_
#define TF_PCONV_DELEGATE_CORE_ELEMENTWISE_ELEMENTWISE_H_

#include <memory>

#include "delegate/core/elementwise/kernel.h"
#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/quantization.h"
#include "delegate/core/status.h"

namespace tf_pconv {

enum class ElementwiseFunction { kSum, kProduct };

// The sum or product of two operands: two images of one shape, or an image and
// values of its channels, the same for all pixels. Those are constant, or an
// input of 1x1 pixels, for each image or for all.
struct ElementwiseDescription {
  // Values of `type`, of which no longer than the operator is created anything
  // is read.
  struct Constant {
    int operand = 0;
    const void* values = nullptr;  // null where no operand is constant
    int count = 0;                 // the image's channels; or 1, for them all
  };

  ElementwiseFunction function = ElementwiseFunction::kSum;
  DataType type = DataType::kFloat32;
  Activation activation = Activation::kNone;
  Constant constant;
  // int8 only.
  Quantization operands[2];
  Quantization output;
};

// Its inputs are the operands that are not constant. Returns null and sets
// `status` where scales or zero points make no sense, or this processor has no
// kernel.
std::unique_ptr<Operator> CreateElementwise(
    const ElementwiseDescription& description, Status* status);

// With a kernel that the processor can run. The description makes sense.
std::unique_ptr<Operator> CreateElementwise(
    const ElementwiseDescription& description, const ElementwiseKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ELEMENTWISE_ELEMENTWISE_H_
