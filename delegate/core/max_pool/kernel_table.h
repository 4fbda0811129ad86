#ifndef TF_PCONV_DELEGATE_CORE_MAX_POOL_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_MAX_POOL_KERNEL_TABLE_H_

#include "delegate/core/max_pool/kernel.h"

// The generated kernels of max pooling; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const MaxPoolKernel* const kMaxPoolKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const MaxPoolKernel* const kMaxPoolKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_MAX_POOL_KERNEL_TABLE_H_
