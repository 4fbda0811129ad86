#ifndef TF_PCONV_DELEGATE_CORE_WEIGHTS_CONNECTIVITY_H_
#define TF_PCONV_DELEGATE_CORE_WEIGHTS_CONNECTIVITY_H_

#include "delegate/core/status.h"
#include "delegate/core/weights/dense_weights.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// Finds removed kernels and filter groups in dense 1x1 weights. A group is a
// set of filters that keep much the same channels: weights that quantisation
// turned into zero do not hide it. Fails, with the reason, where more than half
// of the weights are kept, and where none is.
Status RecognizeConnectivity(const DenseWeights& dense,
                             PatternWeights* weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WEIGHTS_CONNECTIVITY_H_
