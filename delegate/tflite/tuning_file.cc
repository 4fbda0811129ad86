#include "delegate/tflite/tuning_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "delegate/core/processor.h"

namespace tf_pconv {
namespace {

constexpr size_t kMaxBytes = 16 << 20;

struct Close {
  void operator()(FILE* file) const { fclose(file); }
};

Status Unreadable(const char* path) {
  return Status::Error("the tuning file '%s' cannot be read: %s", path,
                       strerror(errno));
}

}  // namespace

Status ReadTuningFile(const char* path, TuningTable* tuning) {
  const std::unique_ptr<FILE, Close> file(fopen(path, "rbe"));
  if (file == nullptr) return Unreadable(path);
  std::vector<char> text;
  char part[4096];
  size_t read;
  while ((read = fread(part, 1, sizeof(part), file.get())) > 0) {
    text.insert(text.end(), part, part + read);
    if (text.size() > kMaxBytes) {
      return Status::Error("the tuning file '%s' has more than %zu bytes", path,
                           kMaxBytes);
    }
  }
  if (ferror(file.get())) return Unreadable(path);
  const Status status =
      tuning->Parse({text.data(), text.size()}, ProcessorName().text);
  if (status.ok()) return status;
  return Status::Error("the tuning file '%s' is malformed: %s", path,
                       status.message());
}

}  // namespace tf_pconv
