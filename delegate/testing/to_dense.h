#ifndef TF_PCONV_DELEGATE_TESTING_TO_DENSE_H_
#define TF_PCONV_DELEGATE_TESTING_TO_DENSE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// The values of pattern weights as dense ones: [filter][tap][channel].
template <typename Value>
std::vector<Value> ToDense(const PatternWeights& weights,
                           const std::vector<Value>& values) {
  const int taps = weights.kernel_side * weights.kernel_side;
  std::vector<Value> dense(size_t(weights.filters) * taps * weights.channels);
  size_t next = 0;
  for (int g = 0; g < weights.groups(); ++g) {
    for (uint32_t k = weights.group_begin[g]; k < weights.group_begin[g + 1];
         ++k) {
      const GroupKernel& kernel = weights.kernels[k];
      for (int i = 0; i < weights.FiltersOfGroup(g); ++i) {
        const int filter = weights.filter_order[g * weights.group_size + i];
        for (int tap = 0; tap < taps; ++tap) {
          if ((weights.patterns[kernel.pattern] >> tap & 1) == 0) continue;
          dense[(size_t(filter) * taps + tap) * weights.channels +
                kernel.channel] = values[next++];
        }
      }
    }
  }
  EXPECT_EQ(next, values.size());
  return dense;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_TO_DENSE_H_
