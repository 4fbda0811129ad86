#ifndef TF_PCONV_DELEGATE_CORE_ALIGNMENT_H_
#define TF_PCONV_DELEGATE_CORE_ALIGNMENT_H_

#include <cstddef>

namespace tf_pconv {

// Buffers begin at cache lines, which are also the longest vectors.
inline constexpr size_t kAlignment = 64;

inline size_t AlignUp(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// The same for a number of floats.
inline size_t AlignedFloats(size_t floats) {
  return AlignUp(floats * sizeof(float)) / sizeof(float);
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ALIGNMENT_H_
