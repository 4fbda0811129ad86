#ifndef TF_PCONV_DELEGATE_CORE_DESCRIPTION_H_
#define TF_PCONV_DELEGATE_CORE_DESCRIPTION_H_

#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// Checks all that kernels rely on, so that they need not check again.
Status CheckDescription(const ConvDescription& description);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DESCRIPTION_H_
