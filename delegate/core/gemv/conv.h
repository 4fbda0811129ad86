#ifndef TF_PCONV_DELEGATE_CORE_GEMV_CONV_H_
#define TF_PCONV_DELEGATE_CORE_GEMV_CONV_H_

#include <memory>

#include "delegate/core/gemv/kernel.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// A 1x1 convolution with connectivity sparsity, int8 or float32 as the kernel
// is, that computes one pixel after the other: a matrix-vector product for
// each. The description has been checked, and the processor must be able to run
// the kernel.
std::unique_ptr<PatternConv> CreateGemvConv(const ConvDescription& description,
                                            const GemvKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_GEMV_CONV_H_
