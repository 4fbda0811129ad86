#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_COST_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_COST_H_

#include <cstdint>

#include "delegate/core/depthwise/weights.h"
#include "delegate/core/geometry.h"

namespace tf_pconv {

// What PredictSpeedup returns for depthwise convolutions, on a processor with
// these features.
double PredictDepthwiseSpeedup(const DepthwiseWeights& weights,
                               const Geometry& geometry, uint32_t features);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_COST_H_
