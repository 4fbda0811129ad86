#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_TABLE_H_

#include "delegate/core/float_kernel.h"

// The generated float32 kernels; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const FloatKernel* const kFloatKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const FloatKernel* const kFloatKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_TABLE_H_
