#ifndef TF_PCONV_DELEGATE_TESTING_TO_DENSE_H_
#define TF_PCONV_DELEGATE_TESTING_TO_DENSE_H_

#include <cstdint>
#include <vector>

#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// The dense weights, [filters, side, side, channels], of int8 pattern weights.
std::vector<int8_t> ToDense(const PatternWeights& weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_TO_DENSE_H_
