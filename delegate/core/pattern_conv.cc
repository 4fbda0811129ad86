#include "delegate/core/pattern_conv.h"

#include <cstdio>
#include <cstring>

#include "delegate/core/cpu.h"
#include "delegate/core/description.h"
#include "delegate/core/float_conv.h"
#include "delegate/core/float_kernel_table.h"
#include "delegate/core/int8_conv.h"
#include "delegate/core/int8_kernel_table.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pointwise_conv.h"
#include "delegate/core/pointwise_kernel_table.h"
#include "delegate/core/reference.h"

namespace tf_pconv {
namespace {

// The error for a kernel that was asked for by name and cannot be used.
template <typename Kernel>
Status UnusableKernel(const char* name, const Kernel* const* table,
                      uint32_t features) {
  char names[700] = {};
  size_t length = 0;
  const Kernel* known = FindKernel(table, name);
  for (; *table != nullptr; ++table) {
    if (!CanRun(**table, features)) continue;
    const int written = std::snprintf(names + length, sizeof(names) - length,
                                      ", %s", (*table)->name);
    if (written > 0) length += written;
    if (length >= sizeof(names)) break;
  }
  return Status::Error(
      "kernel \"%s\" %s; accepted for this convolution on this processor: "
      "%s%s",
      name,
      known == nullptr ? "is not one for this type"
                       : "needs instructions that this processor lacks",
      kReferenceKernelName, names);
}

// The kernels to run: the one of that name, or the fastest. Empty means the
// reference.
template <typename Kernel>
Status ChooseKernels(const PatternConvOptions& options,
                     const Kernel* const* table, int group_size,
                     std::vector<const Kernel*>* kernels) {
  const uint32_t features = CpuFeatures();
  const char* name = options.kernel == nullptr ? "" : options.kernel;
  if (std::strcmp(name, kReferenceKernelName) == 0) return Status();
  if (name[0] == '\0') {
    *kernels = FastestKernels(table, features, group_size);
    return Status();
  }
  const Kernel* kernel = FindKernel(table, name);
  if (kernel == nullptr || !CanRun(*kernel, features)) {
    return UnusableKernel(name, table, features);
  }
  *kernels = {kernel};
  return Status();
}

// float32 has none yet.
const PointwiseKernel* const* PointwiseKernels(const PatternWeights& weights) {
  static constexpr const PointwiseKernel* kNone[] = {nullptr};
  return weights.type == DataType::kInt8 ? native::kPointwiseKernels : kNone;
}

}  // namespace

std::unique_ptr<PatternConv> PatternConv::Create(
    const ConvDescription& description, const PatternConvOptions& options,
    Status* status) {
  *status = CheckDescription(description);
  if (!status->ok()) return nullptr;
  const int group_size = description.weights->group_size;
  if (description.weights->kernel_side == 1) {
    std::vector<const PointwiseKernel*> kernels;
    *status = ChooseKernels(options, PointwiseKernels(*description.weights),
                            group_size, &kernels);
    if (!status->ok()) return nullptr;
    if (!kernels.empty()) return CreatePointwiseConv(description, kernels);
  } else if (description.weights->type == DataType::kInt8) {
    std::vector<const Int8Kernel*> kernels;
    *status =
        ChooseKernels(options, native::kInt8Kernels, group_size, &kernels);
    if (!status->ok()) return nullptr;
    if (!kernels.empty()) return CreateInt8Conv(description, kernels);
  } else {
    std::vector<const FloatKernel*> kernels;
    *status =
        ChooseKernels(options, native::kFloatKernels, group_size, &kernels);
    if (!status->ok()) return nullptr;
    if (!kernels.empty()) return CreateFloatConv(description, kernels);
  }
  return CreateReferenceConv(description);
}

}  // namespace tf_pconv
