#ifndef TF_PCONV_DELEGATE_CORE_STEM_CONV_H_
#define TF_PCONV_DELEGATE_CORE_STEM_CONV_H_

#include <memory>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/stem/kernel.h"

namespace tf_pconv {

// The stem on a generated kernel of its type, which this processor must be able
// to run. The description has been checked and has at least kStemLeastFilters
// filters.
std::unique_ptr<PatternConv> CreateStemConv(const ConvDescription& description,
                                            const StemKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_CONV_H_
