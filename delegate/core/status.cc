#include "delegate/core/status.h"

#include <cstdarg>
#include <cstdio>

namespace tf_pconv {

Status Status::Error(const char* format, ...) {
  Status status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(status.message_, sizeof(status.message_), format, arguments);
  va_end(arguments);
  // A failure without a sentence is still a failure.
  if (status.ok()) status = Error("%s", "unknown error");
  return status;
}

}  // namespace tf_pconv
