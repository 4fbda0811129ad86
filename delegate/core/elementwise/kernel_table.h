#ifndef TF_PCONV_DELEGATE_CORE_ELEMENTWISE_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_ELEMENTWISE_KERNEL_TABLE_H_

#include "delegate/core/elementwise/kernel.h"

// The generated kernels of sums and products; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const ElementwiseKernel* const kElementwiseKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const ElementwiseKernel* const kElementwiseKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ELEMENTWISE_KERNEL_TABLE_H_
