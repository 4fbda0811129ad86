#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_INT8_CONV_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_INT8_CONV_H_

#include <memory>
#include <vector>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/pointwise/kernel.h"

namespace tf_pconv {

// An int8 1x1 convolution with connectivity sparsity that runs `kernels`, which
// differ in their tiles only; the largest tile comes first. The description has
// been checked, and the processor must be able to run the kernels.
std::unique_ptr<PatternConv> CreatePointwiseConv(
    const ConvDescription& description,
    std::vector<const PointwiseKernel*> kernels);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_INT8_CONV_H_
