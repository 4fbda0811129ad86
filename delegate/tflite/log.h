#ifndef TF_PCONV_DELEGATE_TFLITE_LOG_H_
#define TF_PCONV_DELEGATE_TFLITE_LOG_H_

namespace tf_pconv {

enum class LogLevel {
  kNone,
  kInfo,     // what was delegated, and why other convolutions were not
  kVerbose,  // also how each delegated convolution runs
};

// Writes one line to standard error; `format` and what follows are those of
// printf. Long lines are cut.
void Log(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_LOG_H_
