#include "delegate/testing/to_dense.h"

#include <gtest/gtest.h>

#include <cstddef>

namespace tf_pconv {

std::vector<int8_t> ToDense(const PatternWeights& weights) {
  const int taps = weights.kernel_side * weights.kernel_side;
  std::vector<int8_t> dense(
      static_cast<size_t>(weights.filters) * taps * weights.channels, 0);
  size_t value = 0;
  for (int g = 0; g < weights.groups(); ++g) {
    for (uint32_t k = weights.group_begin[g]; k < weights.group_begin[g + 1];
         ++k) {
      const GroupKernel& kernel = weights.kernels[k];
      for (int i = 0; i < weights.FiltersOfGroup(g); ++i) {
        const int filter = weights.filter_order[g * weights.group_size + i];
        for (int tap = 0; tap < taps; ++tap) {
          if ((weights.patterns[kernel.pattern] >> tap & 1) == 0) continue;
          dense[(filter * taps + tap) * weights.channels + kernel.channel] =
              weights.int8_values[value++];
        }
      }
    }
  }
  EXPECT_EQ(value, weights.int8_values.size());
  return dense;
}

}  // namespace tf_pconv
