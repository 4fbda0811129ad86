#ifndef TF_PCONV_DELEGATE_CORE_GEMV_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_GEMV_KERNEL_TABLE_H_

#include "delegate/core/gemv/kernel.h"

// The generated kernels of matrix-vector products, int8 and float32; a null
// pointer ends each table.
namespace tf_pconv {

namespace native {
extern const GemvKernel* const kGemvKernels[];
extern const GemvKernel* const kFloatGemvKernels[];
}  // namespace native

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const GemvKernel* const kGemvKernels[];
extern const GemvKernel* const kFloatGemvKernels[];
}  // namespace emulated

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_GEMV_KERNEL_TABLE_H_
