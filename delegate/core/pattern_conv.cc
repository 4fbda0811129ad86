#include "delegate/core/pattern_conv.h"

#include <cstring>

#include "delegate/core/description.h"
#include "delegate/core/reference.h"

namespace tf_pconv {

std::unique_ptr<PatternConv> PatternConv::Create(
    const ConvDescription& description, const PatternConvOptions& options,
    Status* status) {
  *status = CheckDescription(description);
  if (!status->ok()) return nullptr;
  const char* name = options.kernel == nullptr ? "" : options.kernel;
  if (name[0] != '\0' && std::strcmp(name, kReferenceKernelName) != 0) {
    *status = Status::Error("kernel \"%s\" is not known; accepted: %s", name,
                            kReferenceKernelName);
    return nullptr;
  }
  return CreateReferenceConv(description);
}

}  // namespace tf_pconv
