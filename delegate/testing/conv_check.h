#ifndef TF_PCONV_DELEGATE_TESTING_CONV_CHECK_H_
#define TF_PCONV_DELEGATE_TESTING_CONV_CHECK_H_

#include "delegate/core/pattern_conv.h"
#include "delegate/core/thread_pool.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {

// Resizes a convolution and returns its output. Input, output and workspace end
// at guard pages, so that what reads or writes past them does not pass; output
// and workspace are NaN as float32 before they are written.
TensorBytes RunGuarded(DataType type, PatternConv* conv,
                       const ActivationShape& shape, const TensorBytes& input,
                       ThreadPool* pool = nullptr);

// Expects the output of the reference: the same in int8; in float32 to 1e-5 of
// the largest before the activation, since kernels and reference round sums in
// different orders.
void ExpectLikeReference(const ConvDescription& description,
                         PatternConv* tested, const ActivationShape& shape,
                         const TensorBytes& input, ThreadPool* pool = nullptr);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_CONV_CHECK_H_
