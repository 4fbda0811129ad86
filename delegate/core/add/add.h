#ifndef TF_PCONV_DELEGATE_CORE_ADD_ADD_H_
#define TF_PCONV_DELEGATE_CORE_ADD_ADD_H_

#include <memory>

#include "delegate/core/add/kernel.h"
#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// A sum of two tensors of one shape.
struct AddDescription {
  struct Quantization {
    float scale = 1.0f;
    int zero_point = 0;
  };

  DataType type = DataType::kFloat32;
  Activation activation = Activation::kNone;
  // int8 only.
  Quantization inputs[2];
  Quantization output;
};

// Returns null and sets `status` where scales or zero points make no sense, or
// this processor has no kernel.
std::unique_ptr<Operator> CreateAdd(const AddDescription& description,
                                    Status* status);

// With a kernel that the processor can run. The description makes sense.
std::unique_ptr<Operator> CreateAdd(const AddDescription& description,
                                    const AddKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ADD_ADD_H_
