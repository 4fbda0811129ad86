#ifndef TF_PCONV_DELEGATE_CORE_NUMBERS_H_
#define TF_PCONV_DELEGATE_CORE_NUMBERS_H_

#include <string_view>

namespace tf_pconv {

// Numbers in text, the same in every locale. False where the text is no such
// number or too long.

// Up to nine decimal digits.
bool ParseDigits(std::string_view text, int* value);

// A plain decimal such as 1.25, at least 0.
bool ParseDecimal(std::string_view text, double* value);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_NUMBERS_H_
