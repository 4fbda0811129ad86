#ifndef TF_PCONV_DELEGATE_CORE_INT8_CONV_H_
#define TF_PCONV_DELEGATE_CORE_INT8_CONV_H_

#include <memory>
#include <vector>

#include "delegate/core/int8/kernel.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// An int8 pattern convolution that runs `kernels`: one or more of which one can
// run it, and which differ in their blocks and tiles only. Resize settles the
// block; tiles come largest first, and the smaller ones compute what is left
// when no large one fits. Of `tuning` only block_bytes is read. The description
// has been checked, and the processor must be able to run the kernels.
std::unique_ptr<PatternConv> CreateInt8Conv(
    const ConvDescription& description, std::vector<const Int8Kernel*> kernels,
    const ConvTuning& tuning = {});

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_CONV_H_
