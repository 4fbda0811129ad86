#ifndef TF_PCONV_DELEGATE_TESTING_ROW_RANGES_H_
#define TF_PCONV_DELEGATE_TESTING_ROW_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/operator.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {

using TensorBytes = std::vector<uint8_t>;

struct InputTensor {
  ActivationShape shape;
  TensorBytes bytes;
};

// Computes the output of a resized operator once as a whole and once a few rows
// at a time, cut and ordered at random, and expects the same bytes. While a
// range is computed, inputs that it does not depend on hold other values.
void ExpectRangesGiveTheWhole(const Operator& tested,
                              const std::vector<InputTensor>& inputs,
                              size_t element_bytes, uint32_t seed,
                              ThreadPool* pool = nullptr);

// The bytes of a tensor.
template <typename Value>
TensorBytes BytesOf(const std::vector<Value>& values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  return TensorBytes(bytes, bytes + values.size() * sizeof(Value));
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_ROW_RANGES_H_
