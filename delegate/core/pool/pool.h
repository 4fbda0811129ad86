#ifndef TF_PCONV_DELEGATE_CORE_POOL_POOL_H_
#define TF_PCONV_DELEGATE_CORE_POOL_POOL_H_

#include <memory>

#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/pool/kernel.h"
#include "delegate/core/quantization.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// What windows become, channel by channel. Of one that is cut off at an edge,
// only the pixels that it has count.
enum class PoolKind { kMax, kAverage };

struct PoolDescription {
  PoolKind kind = PoolKind::kMax;
  DataType type = DataType::kFloat32;
  int channels = 0;
  int side = 2;  // of the windows: 2 or 3, those of averages up to 1024
  int stride_height = 2;
  int stride_width = 2;
  Padding padding = Padding::kValid;
  Activation activation = Activation::kNone;
  Quantization quantization;  // of int8 inputs and outputs
};

// Returns null and sets `status` where there is no kernel for it.
std::unique_ptr<Operator> CreatePool(const PoolDescription& description,
                                     Status* status);

// With a kernel that can run it on this processor.
std::unique_ptr<Operator> CreatePool(const PoolDescription& description,
                                     const PoolKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POOL_POOL_H_
