#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_CONV_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_CONV_H_

#include <memory>
#include <vector>

#include "delegate/core/float/kernel.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// A float32 pattern convolution that runs one of `kernels`, which differ in
// their tiles only: the one whose tiles fit the shape best. A kernel that
// `tuning` names comes first and runs alone. The description has been checked,
// and the processor must be able to run the kernels.
std::unique_ptr<PatternConv> CreateFloatConv(
    const ConvDescription& description, std::vector<const FloatKernel*> kernels,
    const ConvTuning& tuning = {});

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_CONV_H_
