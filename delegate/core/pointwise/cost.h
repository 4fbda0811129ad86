#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_COST_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_COST_H_

#include "delegate/core/cost.h"
#include "delegate/core/geometry.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// The cost of a 1x1 convolution, which has been checked, on a processor with
// these features.
ConvCost PointwiseCost(const PatternWeights& weights, const Geometry& geometry,
                       uint32_t features);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_COST_H_
