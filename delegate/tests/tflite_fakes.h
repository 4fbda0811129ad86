#ifndef TF_PCONV_DELEGATE_TESTS_TFLITE_FAKES_H_
#define TF_PCONV_DELEGATE_TESTS_TFLITE_FAKES_H_

#include <algorithm>
#include <cstdlib>
#include <list>
#include <memory>
#include <vector>

#include "delegate/tflite/abi.h"

namespace tf_pconv {

// Owns the arrays of fake tensors and nodes.
class Arrays {
 public:
  TfLiteIntArray* Ints(const std::vector<int>& values) {
    auto* array = static_cast<TfLiteIntArray*>(
        Take(sizeof(TfLiteIntArray) + values.size() * sizeof(int)));
    array->size = static_cast<int>(values.size());
    std::copy(values.begin(), values.end(), array->data);
    return array;
  }

  TfLiteFloatArray* Floats(const std::vector<float>& values) {
    auto* array = static_cast<TfLiteFloatArray*>(
        Take(sizeof(TfLiteFloatArray) + values.size() * sizeof(float)));
    array->size = static_cast<int>(values.size());
    std::copy(values.begin(), values.end(), array->data);
    return array;
  }

  // A copy in a block of its own, so that AddressSanitizer sees its end.
  template <typename T>
  T* Copy(const std::vector<T>& values) {
    auto* block = static_cast<T*>(Take(values.size() * sizeof(T)));
    std::copy(values.begin(), values.end(), block);
    return block;
  }

 private:
  struct Free {
    void operator()(void* block) const { free(block); }
  };

  void* Take(size_t bytes) {
    blocks_.emplace_back(malloc(bytes));
    return blocks_.back().get();
  }

  std::list<std::unique_ptr<void, Free>> blocks_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTS_TFLITE_FAKES_H_
