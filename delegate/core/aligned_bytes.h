#ifndef TF_PCONV_DELEGATE_CORE_ALIGNED_BYTES_H_
#define TF_PCONV_DELEGATE_CORE_ALIGNED_BYTES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/alignment.h"

namespace tf_pconv {

// Bytes, at first 0, that begin where a cache line does.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size) : memory_(size + kAlignment - 1) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    begin_ = memory_.data() + (kAlignment - address % kAlignment) % kAlignment;
  }
  explicit AlignedBytes(const std::vector<uint8_t>& bytes)
      : AlignedBytes(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), begin_);
  }
  AlignedBytes(AlignedBytes&&) = default;

  uint8_t* data() { return begin_; }
  const uint8_t* data() const { return begin_; }

 private:
  std::vector<uint8_t> memory_;
  uint8_t* begin_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ALIGNED_BYTES_H_
