#ifndef TF_PCONV_DELEGATE_TESTING_FLOAT_CHECK_H_
#define TF_PCONV_DELEGATE_TESTING_FLOAT_CHECK_H_

#include <vector>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {

// Resizes a float32 convolution and returns its outputs. Input, output and
// workspace end at guard pages, so that what reads or writes past them does not
// pass; all are NaN before they are written.
std::vector<float> RunFloat(PatternConv* conv, const ActivationShape& shape,
                            const std::vector<float>& input,
                            ThreadPool* pool = nullptr);

// Expects the outputs of the reference, to 1e-5 of the largest before the
// activation: kernels and reference round sums in different orders.
void ExpectNearReference(const ConvDescription& description,
                         PatternConv* tested, const ActivationShape& shape,
                         const std::vector<float>& input,
                         ThreadPool* pool = nullptr);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_FLOAT_CHECK_H_
