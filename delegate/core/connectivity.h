#ifndef TF_PCONV_DELEGATE_CORE_CONNECTIVITY_H_
#define TF_PCONV_DELEGATE_CORE_CONNECTIVITY_H_

#include "delegate/core/dense_weights.h"
#include "delegate/core/pattern_weights.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// Finds removed kernels and filter groups in dense 1x1 weights. A group is a
// set of filters that keep much the same channels: weights that quantisation
// turned into zero do not hide it. Fails, with the reason, where more than half
// of the weights are kept, and where none is.
Status RecognizeConnectivity(const DenseWeights& dense,
                             PatternWeights* weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_CONNECTIVITY_H_
