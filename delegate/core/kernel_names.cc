#include "delegate/core/kernel_names.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/gemv/kernel_table.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pointwise/kernel_table.h"
#include "delegate/core/reference.h"
#include "delegate/core/stem/kernel_table.h"

namespace tf_pconv {
namespace {

constexpr size_t kNamesInErrors = 3;

// Calls `visit` with each table of kernels for the convolution.
template <typename Visit>
void VisitTables(const ConvDescription& description, Visit visit) {
  const bool is_int8 = description.type() == DataType::kInt8;
  if (description.depthwise != nullptr) {
    is_int8 ? visit(native::kDepthwiseKernels)
            : visit(native::kFloatDepthwiseKernels);
  } else if (description.stem != nullptr) {
    visit(StemKernels(description));
  } else if (description.kernel_height() == 1) {
    is_int8 ? visit(native::kPointwiseKernels)
            : visit(native::kFloatPointwiseKernels);
    visit(GemvKernels(description));
  } else {
    is_int8 ? visit(native::kInt8Kernels) : visit(native::kFloatKernels);
  }
}

// How many characters have to be put in, taken out or changed.
size_t EditDistance(std::string_view from, std::string_view to) {
  std::vector<size_t> distances(to.size() + 1);  // to the beginnings of `to`
  for (size_t i = 0; i <= to.size(); ++i) distances[i] = i;
  for (size_t row = 1; row <= from.size(); ++row) {
    size_t diagonal = distances[0];
    distances[0] = row;
    for (size_t i = 1; i <= to.size(); ++i) {
      const size_t changed = diagonal + (from[row - 1] != to[i - 1]);
      diagonal = distances[i];
      distances[i] =
          std::min({distances[i - 1] + 1, distances[i] + 1, changed});
    }
  }
  return distances.back();
}

// Adds the kernels of a table that run on this processor and are accepted.
template <typename Kernel, typename Accepts>
void AddNames(const Kernel* const* table, Accepts accepts,
              std::vector<const char*>* names) {
  for (; *table != nullptr; ++table) {
    if (CanRun(**table, CpuFeatures()) && accepts(**table)) {
      names->push_back((*table)->name);
    }
  }
}

std::vector<const char*> UsableKernels(const ConvDescription& description) {
  std::vector<const char*> names;
  VisitTables(description, [&](const auto* const* table) {
    const auto fits = [&](const auto& kernel) {
      return Fits(kernel, description);
    };
    AddNames(table, fits, &names);
  });
  return names;
}

// Of all tables.
std::vector<const char*> UsableKernels() {
  std::vector<const char*> names;
  const auto add = [&](const auto* const* table) {
    AddNames(table, [](const auto&) { return true; }, &names);
  };
  add(native::kInt8Kernels);
  add(native::kPointwiseKernels);
  add(native::kDepthwiseKernels);
  add(native::kFloatDepthwiseKernels);
  add(native::kFloatKernels);
  add(native::kFloatPointwiseKernels);
  add(native::kGemvKernels);
  add(native::kFloatGemvKernels);
  add(native::kStemKernels);
  add(native::kFloatStemKernels);
  return names;
}

// Writes names with ", " between them, as many as fit.
void Join(const std::vector<const char*>& names, char* text, size_t size) {
  size_t length = 0;
  for (const char* name : names) {
    const int written = std::snprintf(text + length, size - length, "%s%s",
                                      length == 0 ? "" : ", ", name);
    if (written < 0 || static_cast<size_t>(written) >= size - length) break;
    length += written;
  }
  text[length] = '\0';
}

// "reference", the names most like `name`, and how many there are besides: all
// of them would fill a screen.
struct AcceptedNames {
  AcceptedNames(const char* name, std::vector<const char*> names) {
    const size_t shown = std::min(names.size(), kNamesInErrors);
    std::partial_sort(names.begin(), names.begin() + shown, names.end(),
                      [name](const char* a, const char* b) {
                        return EditDistance(name, a) < EditDistance(name, b);
                      });
    const size_t others = names.size() - shown;
    names.resize(shown);
    names.insert(names.begin(), kReferenceKernelName);
    Join(names, text, sizeof(text));
    if (others == 0) return;
    const size_t length = std::strlen(text);
    std::snprintf(text + length, sizeof(text) - length,
                  " and %zu more; log_level verbose lists those of a model",
                  others);
  }

  char text[(kNamesInErrors + 2) * (kMaxKernelName + 1)];
};

// Why a kernel that can run here does not compute the convolution.
template <typename Kernel>
const char* WhyUnfit(const Kernel&, const ConvDescription&) {
  return "does not compute these strides";
}
template <typename Kernel>
const char* WhyUnfitDepthwise(const Kernel& kernel,
                              const ConvDescription& description) {
  return kernel.side == description.kernel_height()
             ? "does not compute so few channels"
             : "does not compute windows of this size";
}
const char* WhyUnfit(const DepthwiseKernel& kernel,
                     const ConvDescription& description) {
  return WhyUnfitDepthwise(kernel, description);
}
const char* WhyUnfit(const FloatDepthwiseKernel& kernel,
                     const ConvDescription& description) {
  return WhyUnfitDepthwise(kernel, description);
}

const char* WhyUnfit(const StemKernel&, const ConvDescription&) {
  return "does not compute so few filters";
}

}  // namespace

const GemvKernel* const* GemvKernels(const ConvDescription& description) {
  return description.type() == DataType::kInt8 ? native::kGemvKernels
                                               : native::kFloatGemvKernels;
}

const StemKernel* const* StemKernels(const ConvDescription& description) {
  return description.type() == DataType::kInt8 ? native::kStemKernels
                                               : native::kFloatStemKernels;
}

Status UnusableKernel(const char* name, const ConvDescription& description) {
  const char* reason = "is not one for this type";
  VisitTables(description, [&](const auto* const* table) {
    const auto* known = FindKernel(table, name);
    if (known == nullptr) return;
    if (!CanRun(*known, CpuFeatures())) {
      reason = "needs instructions that this processor lacks";
    } else if (!HalvesFitInt32(description)) {
      reason = "does not compute outputs of this scale";
    } else {
      reason = WhyUnfit(*known, description);
    }
  });
  return Status::Error(
      "kernel \"%s\" %s; accepted for this convolution on this processor: %s",
      name, reason, AcceptedNames(name, UsableKernels(description)).text);
}

Status CheckKernelName(const char* name) {
  if (!IsSet(name) || std::strcmp(name, kReferenceKernelName) == 0) {
    return Status();
  }
  const std::vector<const char*> names = UsableKernels();
  for (const char* usable : names) {
    if (std::strcmp(name, usable) == 0) return Status();
  }
  return Status::Error(
      "option kernel is '%s', and this processor runs no kernel of that name; "
      "accepted: %s",
      name, AcceptedNames(name, names).text);
}

void ListKernels(const ConvDescription& description, char* names, size_t size) {
  if (size > 0) Join(UsableKernels(description), names, size);
}

}  // namespace tf_pconv
