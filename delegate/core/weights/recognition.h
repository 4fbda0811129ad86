#ifndef TF_PCONV_DELEGATE_CORE_WEIGHTS_RECOGNITION_H_
#define TF_PCONV_DELEGATE_CORE_WEIGHTS_RECOGNITION_H_

#include "delegate/core/status.h"
#include "delegate/core/weights/dense_weights.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// Finds patterns, removed kernels and filter groups in dense 3x3 weights. A
// group is a set of filters whose non-zeros fit one shared mask, so weights
// that quantisation turned into zero do not hide it. Fails, with the reason,
// where a kernel keeps more than four weights, and where no weight is kept at
// all.
Status RecognizePatterns(const DenseWeights& dense, PatternWeights* weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WEIGHTS_RECOGNITION_H_
