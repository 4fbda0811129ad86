#ifndef TF_PCONV_DELEGATE_TESTS_MAKE_DELEGATE_H_
#define TF_PCONV_DELEGATE_TESTS_MAKE_DELEGATE_H_

#include <gtest/gtest.h>

#include <memory>

#include "delegate/tflite/delegate.h"

namespace tf_pconv {

struct DestroyDelegatePointer {
  void operator()(TfLiteDelegate* delegate) const { DestroyDelegate(delegate); }
};
using DelegatePointer = std::unique_ptr<TfLiteDelegate, DestroyDelegatePointer>;

// Of a delegate that takes whatever it can run, and says nothing.
inline Options TestOptions() {
  Options options;
  options.min_speedup = 0;
  options.log_level = LogLevel::kNone;
  return options;
}

inline DelegatePointer MakeDelegate(const Options& options = TestOptions()) {
  Status status;
  DelegatePointer delegate(CreateDelegate(options, &status));
  EXPECT_TRUE(status.ok()) << status.message();
  return delegate;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTS_MAKE_DELEGATE_H_
