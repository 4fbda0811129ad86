#ifndef TF_PCONV_DELEGATE_CORE_STEM_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_STEM_KERNEL_TABLE_H_

#include "delegate/core/stem/kernel.h"

// The generated kernels of stems; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const StemKernel* const kStemKernels[];
extern const StemKernel* const kFloatStemKernels[];
}  // namespace native

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const StemKernel* const kStemKernels[];
extern const StemKernel* const kFloatStemKernels[];
}  // namespace emulated

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_KERNEL_TABLE_H_
