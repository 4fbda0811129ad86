// The two functions that external delegates export.

#include <cstddef>
#include <cstdint>

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/delegate.h"
#include "delegate/tflite/options.h"

#define TF_PCONV_EXPORT extern "C" __attribute__((visibility("default")))

// `report_error` may be null. Returns null on failure.
TF_PCONV_EXPORT TfLiteDelegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const* values, size_t count,
    void (*report_error)(const char* message)) {
  tf_pconv::Options options;
  // Python's loaders pass `count` as an int, which leaves its upper half open.
  tf_pconv::Status status = tf_pconv::ParseOptions(
      keys, values, static_cast<uint32_t>(count), &options);
  TfLiteDelegate* delegate = nullptr;
  if (status.ok()) delegate = tf_pconv::CreateDelegate(options, &status);
  if (!status.ok() && report_error != nullptr) report_error(status.message());
  return delegate;
}

TF_PCONV_EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) {
  tf_pconv::DestroyDelegate(delegate);
}
