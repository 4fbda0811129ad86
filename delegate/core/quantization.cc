#include "delegate/core/quantization.h"

#include <cmath>

namespace tf_pconv {

Status CheckQuantization(const char* role, const Quantization& given) {
  if (!std::isfinite(given.scale) || given.scale <= 0) {
    return Status::Error(
        "the scale of the %s is %g; accepted are positive "
        "numbers",
        role, double(given.scale));
  }
  if (given.zero_point < -128 || given.zero_point > 127) {
    return Status::Error(
        "the zero point of the %s is %d; accepted is -128 to "
        "127",
        role, given.zero_point);
  }
  return Status();
}

Status CheckScaleRatio(const char* what, double ratio) {
  constexpr double kLargest = 512.0;
  if (ratio <= kLargest) return Status();
  return Status::Error(
      "%s is %g times the scale of the output; accepted is up to %g", what,
      ratio, kLargest);
}

}  // namespace tf_pconv
