#ifndef TF_PCONV_DELEGATE_CORE_COPY_CONCATENATION_H_
#define TF_PCONV_DELEGATE_CORE_COPY_CONCATENATION_H_

#include <cstddef>
#include <memory>

#include "delegate/core/operator.h"

namespace tf_pconv {

// The channels of several images, one image after the other.
std::unique_ptr<Operator> CreateConcatenation(size_t element_bytes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_COPY_CONCATENATION_H_
