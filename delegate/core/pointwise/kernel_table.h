#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_KERNEL_TABLE_H_

#include "delegate/core/pointwise/kernel.h"

// The generated int8 kernels of 1x1 convolutions; a null pointer ends each
// table.
namespace tf_pconv {

namespace native {
extern const PointwiseKernel* const kPointwiseKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const PointwiseKernel* const kPointwiseKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_KERNEL_TABLE_H_
