#ifndef TF_PCONV_DELEGATE_CORE_GEMV_COST_H_
#define TF_PCONV_DELEGATE_CORE_GEMV_COST_H_

#include <cstdint>

#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// What matrix-vector products of so many pixels are expected to take on a
// processor with these features, in nanoseconds on one core, weights in a near
// cache; negative where there is no kernel. `bytes` becomes that of the weights
// and of where they belong.
double PredictGemv(const PatternWeights& weights, int64_t pixels,
                   uint32_t features, double* bytes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_GEMV_COST_H_
