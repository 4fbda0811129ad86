#ifndef TF_PCONV_DELEGATE_CORE_COPY_PAD_H_
#define TF_PCONV_DELEGATE_CORE_COPY_PAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "delegate/core/operator.h"

namespace tf_pconv {

// An image with a border around it; none of the widths is negative.
struct PadDescription {
  size_t element_bytes = 1;
  // Each byte of the border.
  uint8_t value = 0;
  int top = 0;
  int bottom = 0;
  int left = 0;
  int right = 0;
};

std::unique_ptr<Operator> CreatePad(const PadDescription& description);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_COPY_PAD_H_
