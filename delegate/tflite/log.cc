#include "delegate/tflite/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace tf_pconv {

void Log(const char* format, ...) {
  // One write, so that lines of several threads do not mix.
  char line[4096] = "tf_pconv: ";
  const size_t prefix = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + prefix, sizeof(line) - prefix - 1, format, arguments);
  va_end(arguments);
  strcat(line, "\n");
  // There is nothing to do about a log that cannot be written.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, line, strlen(line));
}

}  // namespace tf_pconv
