#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_TABLE_H_

#include "delegate/core/float/kernel.h"

// The generated float32 kernels of 3x3 and 1x1 convolutions; a null pointer
// ends each table.
namespace tf_pconv {

namespace native {
extern const FloatKernel* const kFloatKernels[];
extern const FloatKernel* const kFloatPointwiseKernels[];
}  // namespace native

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const FloatKernel* const kFloatKernels[];
extern const FloatKernel* const kFloatPointwiseKernels[];
}  // namespace emulated

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_KERNEL_TABLE_H_
