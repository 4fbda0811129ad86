#ifndef TF_PCONV_DELEGATE_CORE_INT8_KERNEL_TABLE_H_
#define TF_PCONV_DELEGATE_CORE_INT8_KERNEL_TABLE_H_

#include "delegate/core/int8/kernel.h"

// The generated int8 kernels; a null pointer ends each table.
namespace tf_pconv {

namespace native {
extern const Int8Kernel* const kInt8Kernels[];
}

// The same sources compiled against emulated intrinsics. For tests only.
namespace emulated {
extern const Int8Kernel* const kInt8Kernels[];
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_KERNEL_TABLE_H_
