#ifndef TF_PCONV_DELEGATE_CORE_STATUS_H_
#define TF_PCONV_DELEGATE_CORE_STATUS_H_

namespace tf_pconv {

// The result of an operation that can fail: success, or one sentence for the
// user. Holds no heap memory, so that it can report an allocation failure.
class [[nodiscard]] Status {
 public:
  Status() = default;

  // A failure; `format` and what follows are those of printf. Sentences longer
  // than the buffer are cut.
  static Status Error(const char* format, ...)
      __attribute__((format(printf, 1, 2)));

  bool ok() const { return message_[0] == '\0'; }
  const char* message() const { return message_; }

 private:
  char message_[1024] = {};
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STATUS_H_
