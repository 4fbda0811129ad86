#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_FLOAT_CONV_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_FLOAT_CONV_H_

#include <memory>

#include "delegate/core/depthwise/kernel.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// The float32 depthwise convolution on a generated kernel, which this processor
// must be able to run. The description has been checked and has at least as
// many channels as the kernel.
std::unique_ptr<PatternConv> CreateFloatDepthwiseConv(
    const ConvDescription& description, const FloatDepthwiseKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_FLOAT_CONV_H_
