#ifndef TF_PCONV_DELEGATE_CORE_ADD_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_ADD_KERNEL_TABLE_H_

#include "delegate/core/add/kernel.h"

// The generated kernels of additions; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const AddKernel* const kAddKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const AddKernel* const kAddKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ADD_KERNEL_TABLE_H_
