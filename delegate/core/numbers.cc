#include "delegate/core/numbers.h"

#include <cstddef>

namespace tf_pconv {

using std::string_view;

bool ParseDigits(string_view text, int* value) {
  constexpr size_t kMaxDigits = 9;  // fit into an int
  if (text.empty() || text.size() > kMaxDigits) return false;
  *value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    *value = 10 * *value + (c - '0');
  }
  return true;
}

bool ParseDecimal(string_view text, double* value) {
  const size_t point = text.find('.');
  int whole = 0;
  if (!ParseDigits(text.substr(0, point), &whole)) return false;
  *value = whole;
  if (point == string_view::npos) return true;
  const string_view decimals = text.substr(point + 1);
  int fraction = 0;
  if (!ParseDigits(decimals, &fraction)) return false;
  double unit = 1.0;
  for (size_t i = 0; i < decimals.size(); ++i) unit /= 10.0;
  *value += fraction * unit;
  return true;
}

}  // namespace tf_pconv
