#ifndef TF_PCONV_DELEGATE_CORE_REFERENCE_H_
#define TF_PCONV_DELEGATE_CORE_REFERENCE_H_

#include <memory>

#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

inline constexpr char kReferenceKernelName[] = "reference";

// The pattern convolution in plain C++: what every other kernel is checked
// against, and what runs where no other can. The description has been checked.
std::unique_ptr<PatternConv> CreateReferenceConv(
    const ConvDescription& description);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_REFERENCE_H_
