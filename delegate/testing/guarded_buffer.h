#ifndef TF_PCONV_DELEGATE_TESTING_GUARDED_BUFFER_H_
#define TF_PCONV_DELEGATE_TESTING_GUARDED_BUFFER_H_

#include <cstddef>
#include <cstdint>

namespace tf_pconv {

// Memory that ends where an inaccessible page begins: reading or writing past
// its end stops the program. It is filled with a pattern, and so is what lies
// before it.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t size);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  uint8_t* data() const { return data_; }

  // Whether the bytes before the memory still hold the pattern.
  bool FrontIntact() const;

 private:
  uint8_t* mapping_;
  size_t mapped_;
  uint8_t* data_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_GUARDED_BUFFER_H_
