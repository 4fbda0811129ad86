#include "delegate/tflite/options.h"

#include <cstring>
#include <string_view>

#include "delegate/core/numbers.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

using std::string_view;

Status ParseNumThreads(const char* value, Options* options) {
  int threads = 0;
  if (!ParseDigits(value, &threads) || threads < 1 || threads > kMaxThreads) {
    return Status::Error(
        "option num_threads is '%s'; accepted is a number from 1 to %d", value,
        kMaxThreads);
  }
  options->num_threads = threads;
  return Status();
}

Status ParseKernel(const char* value, Options* options) {
  if (strlen(value) > kMaxKernelName) {
    return Status::Error(
        "option kernel is '%.32s...'; names of kernels have at most %zu "
        "characters",
        value, kMaxKernelName);
  }
  strcpy(options->kernel, value);
  return Status();
}

Status ParseMinSpeedup(const char* value, Options* options) {
  if (!ParseDecimal(value, &options->min_speedup)) {
    return Status::Error(
        "option min_speedup is '%s'; accepted is a decimal number of at least "
        "0, such as 1.1",
        value);
  }
  return Status();
}

Status ParsePath(const char* option, const char* value,
                 char (*path)[kMaxPath + 1]) {
  if (strlen(value) > kMaxPath) {
    return Status::Error(
        "option %s is '%.32s...'; paths have at most %zu characters", option,
        value, kMaxPath);
  }
  strcpy(*path, value);
  return Status();
}

Status ParseTuning(const char* value, Options* options) {
  return ParsePath("tuning", value, &options->tuning);
}

// The ending keeps models and other files from being overwritten by mistake.
Status ParseProfile(const char* value, Options* options) {
  constexpr string_view kEnding = ".json";
  const string_view path = value;
  if (!path.empty() && (path.size() <= kEnding.size() ||
                        path.substr(path.size() - kEnding.size()) != kEnding)) {
    return Status::Error(
        "option profile is '%s'; accepted is the path of a file whose name "
        "ends in .json",
        value);
  }
  return ParsePath("profile", value, &options->profile);
}

Status ParseRequireDelegation(const char* value, Options* options) {
  const bool is_true = string_view(value) == "true";
  if (!is_true && string_view(value) != "false") {
    return Status::Error(
        "option require_delegation is '%s'; accepted are true and false",
        value);
  }
  options->require_delegation = is_true;
  return Status();
}

Status ParseLogLevel(const char* value, Options* options) {
  constexpr struct {
    string_view name;
    LogLevel level;
  } kLevels[] = {{"none", LogLevel::kNone},
                 {"info", LogLevel::kInfo},
                 {"verbose", LogLevel::kVerbose}};
  for (const auto& entry : kLevels) {
    if (entry.name != value) continue;
    options->log_level = entry.level;
    return Status();
  }
  return Status::Error(
      "option log_level is '%s'; accepted are none, info and verbose", value);
}

constexpr struct {
  string_view name;
  Status (*parse)(const char* value, Options* options);
} kParsers[] = {
    {"num_threads", ParseNumThreads},
    {"kernel", ParseKernel},
    {"tuning", ParseTuning},
    {"profile", ParseProfile},
    {"min_speedup", ParseMinSpeedup},
    {"require_delegation", ParseRequireDelegation},
    {"log_level", ParseLogLevel},
};

Status ParseOption(const char* key, const char* value, Options* options) {
  for (const auto& parser : kParsers) {
    if (parser.name == key) return parser.parse(value, options);
  }
  return Status::Error(
      "unknown option '%s'; accepted are num_threads, kernel, tuning, profile, "
      "min_speedup, require_delegation and log_level",
      key);
}

}  // namespace

Status ParseOptions(const char* const* keys, const char* const* values,
                    size_t count, Options* options) {
  Options parsed;
  if (count > 0 && (keys == nullptr || values == nullptr)) {
    return Status::Error("%zu options were announced, but none given", count);
  }
  for (size_t i = 0; i < count; ++i) {
    if (keys[i] == nullptr || values[i] == nullptr) {
      return Status::Error("option %zu has no name or no value", i);
    }
    const Status status = ParseOption(keys[i], values[i], &parsed);
    if (!status.ok()) return status;
  }
  *options = parsed;
  return Status();
}

}  // namespace tf_pconv
