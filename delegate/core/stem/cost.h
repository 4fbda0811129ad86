#ifndef TF_PCONV_DELEGATE_CORE_STEM_COST_H_
#define TF_PCONV_DELEGATE_CORE_STEM_COST_H_

#include <cstdint>

#include "delegate/core/cost.h"
#include "delegate/core/geometry.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// The cost of a stem on a processor with these features.
ConvCost StemCost(const ConvDescription& description, const Geometry& geometry,
                  uint32_t features);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_COST_H_
