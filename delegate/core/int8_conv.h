#ifndef TF_PCONV_DELEGATE_CORE_INT8_CONV_H_
#define TF_PCONV_DELEGATE_CORE_INT8_CONV_H_

#include <memory>

#include "delegate/core/int8_kernel.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// An int8 pattern convolution that runs `kernel`. The description has been
// checked; the processor must be able to run the kernel.
std::unique_ptr<PatternConv> CreateInt8Conv(const ConvDescription& description,
                                            const Int8Kernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_CONV_H_
