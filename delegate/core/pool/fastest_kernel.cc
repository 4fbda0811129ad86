#include "delegate/core/pool/fastest_kernel.h"

#include <cstdint>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pool/kernel_table.h"

namespace tf_pconv {

const PoolKernel* FastestPoolKernel(DataType type, int channels,
                                    Status* status) {
  const int64_t bytes = channels * int64_t(ElementBytes(type));
  const PoolKernel* kernel = FastestKernel(
      native::kPoolKernels, CpuFeatures(),
      [&](const PoolKernel& candidate) { return candidate.bytes <= bytes; });
  if (kernel == nullptr) {
    *status =
        Status::Error("this processor has no kernel for %d channels", channels);
  }
  return kernel;
}

}  // namespace tf_pconv
