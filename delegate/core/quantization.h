#ifndef TF_PCONV_DELEGATE_CORE_QUANTIZATION_H_
#define TF_PCONV_DELEGATE_CORE_QUANTIZATION_H_

#include "delegate/core/status.h"

namespace tf_pconv {

// The numbers that int8 values stand for: (value - zero_point) * scale.
struct Quantization {
  float scale = 1.0f;
  int zero_point = 0;

  bool operator==(const Quantization& other) const {
    return scale == other.scale && zero_point == other.zero_point;
  }
};

// An error where it makes no sense; `role` says what it is of.
Status CheckQuantization(const char* role, const Quantization& given);

// An error where `what`, in units of the output, is far above all that makes
// sense: int32 holds its products with 8 bits.
Status CheckScaleRatio(const char* what, double ratio);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_QUANTIZATION_H_
