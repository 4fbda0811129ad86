#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_FLOAT_CONV_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_FLOAT_CONV_H_

#include <memory>
#include <vector>

#include "delegate/core/float/kernel.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// A float32 1x1 convolution with connectivity sparsity that runs `kernels`,
// which differ in their tiles only; the largest tile comes first. Of `tuning`
// only block_bytes is read. The description has been checked, and the processor
// must be able to run the kernels.
std::unique_ptr<PatternConv> CreateFloatPointwiseConv(
    const ConvDescription& description, std::vector<const FloatKernel*> kernels,
    const ConvTuning& tuning = {});

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_FLOAT_CONV_H_
