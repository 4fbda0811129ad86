#ifndef TF_PCONV_DELEGATE_CORE_POOL_MEAN_H_
#define TF_PCONV_DELEGATE_CORE_POOL_MEAN_H_

#include <memory>

#include "delegate/core/operator.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/pool/kernel.h"
#include "delegate/core/quantization.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// The average of all pixels of an image, channel by channel.
struct MeanDescription {
  DataType type = DataType::kFloat32;
  int channels = 0;
  // int8 only.
  Quantization input;
  Quantization output;
};

// Returns null and sets `status` where scales or zero points make no sense, or
// there is no kernel for it.
std::unique_ptr<Operator> CreateMean(const MeanDescription& description,
                                     Status* status);

// With a kernel that can run it on this processor.
std::unique_ptr<Operator> CreateMean(const MeanDescription& description,
                                     const PoolKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POOL_MEAN_H_
