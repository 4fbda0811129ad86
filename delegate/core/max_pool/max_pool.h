#ifndef TF_PCONV_DELEGATE_CORE_MAX_POOL_MAX_POOL_H_
#define TF_PCONV_DELEGATE_CORE_MAX_POOL_MAX_POOL_H_

#include <memory>

#include "delegate/core/max_pool/kernel.h"
#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// The largest value of each window, of each channel.
struct MaxPoolDescription {
  DataType type = DataType::kFloat32;
  int channels = 0;
  int side = 2;  // of the windows: 2 or 3
  int stride_height = 2;
  int stride_width = 2;
  Padding padding = Padding::kValid;
  Activation activation = Activation::kNone;
  // int8 only; of inputs and outputs.
  float scale = 1.0f;
  int zero_point = 0;
};

// Returns null and sets `status` where there is no kernel for it.
std::unique_ptr<Operator> CreateMaxPool(const MaxPoolDescription& description,
                                        Status* status);

// With a kernel that can run it on this processor.
std::unique_ptr<Operator> CreateMaxPool(const MaxPoolDescription& description,
                                        const MaxPoolKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_MAX_POOL_MAX_POOL_H_
