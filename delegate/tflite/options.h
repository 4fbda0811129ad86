#ifndef TF_PCONV_DELEGATE_TFLITE_OPTIONS_H_
#define TF_PCONV_DELEGATE_TFLITE_OPTIONS_H_

#include <cstddef>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"
#include "delegate/tflite/log.h"

namespace tf_pconv {

inline constexpr size_t kMaxPath = 4095;  // characters

// The options of the delegate. They arrive as strings:
//
//   num_threads         1 to 256; not given: the interpreter's number
//   kernel              name of the kernel to use; not given or empty: the
//                       fastest that this processor can run
//   tuning              path of a tuning file; empty: none
//   profile             path of a .json file to write where the time goes;
//                       empty: none
//   min_speedup         predicted gain from which convolutions that the runtime
//                       could run too are taken; 0 takes all that can be
//   require_delegation  true: a model of which nothing is delegated is an error
//   log_level           none, info or verbose
struct Options {
  int num_threads = 0;  // 0: the interpreter's number
  char kernel[kMaxKernelName + 1] = {};
  char tuning[kMaxPath + 1] = {};
  char profile[kMaxPath + 1] = {};
  double min_speedup = 1.1;
  bool require_delegation = false;
  LogLevel log_level = LogLevel::kInfo;
};

// Reads `count` pairs. An unknown option or value is an error that says what
// was received and what is accepted.
Status ParseOptions(const char* const* keys, const char* const* values,
                    size_t count, Options* options);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_OPTIONS_H_
