#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_TABLE_H_

#include "delegate/core/depthwise/kernel.h"

// The generated kernels of depthwise convolutions; a null pointer ends each
// table.
namespace tf_pconv {

namespace native {
extern const DepthwiseKernel* const kDepthwiseKernels[];
extern const FloatDepthwiseKernel* const kFloatDepthwiseKernels[];
}  // namespace native

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const DepthwiseKernel* const kDepthwiseKernels[];
extern const FloatDepthwiseKernel* const kFloatDepthwiseKernels[];
}  // namespace emulated

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_KERNEL_TABLE_H_
