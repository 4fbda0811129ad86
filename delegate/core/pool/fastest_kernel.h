#ifndef TF_PCONV_DELEGATE_CORE_POOL_FASTEST_KERNEL_H_
#define TF_PCONV_DELEGATE_CORE_POOL_FASTEST_KERNEL_H_

#include "delegate/core/pattern_conv.h"
#include "delegate/core/pool/kernel.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// The fastest kernel that this processor can run for so many channels. Returns
// null and sets `status` where there is none.
const PoolKernel* FastestPoolKernel(DataType type, int channels,
                                    Status* status);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POOL_FASTEST_KERNEL_H_
