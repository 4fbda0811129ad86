#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_TABLE_H_

#include "delegate/core/depthwise/kernel.h"

// The generated int8 kernels of depthwise convolutions; a null pointer ends
// each table.
namespace tf_pconv {

namespace native {
extern const DepthwiseKernel* const kDepthwiseKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const DepthwiseKernel* const kDepthwiseKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_TABLE_H_
