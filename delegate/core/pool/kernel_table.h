#ifndef TF_PCONV_DELEGATE_CORE_POOL_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_POOL_KERNEL_TABLE_H_

#include "delegate/core/pool/kernel.h"

// The generated kernels of pooling; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const PoolKernel* const kPoolKernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const PoolKernel* const kPoolKernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POOL_KERNEL_TABLE_H_
