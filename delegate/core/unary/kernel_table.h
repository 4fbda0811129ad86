#ifndef TF_PCONV_DELEGATE_CORE_UNARY_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_UNARY_KERNEL_TABLE_H_

#include "delegate/core/unary/kernel.h"

// The generated kernels of functions of one value; a null pointer ends each
// table.
namespace tf_pconv {

namespace native {
extern const UnaryKernel* const kUnaryKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const UnaryKernel* const kUnaryKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_UNARY_KERNEL_TABLE_H_
