#include "delegate/core/pattern_conv.h"

#include <cstring>
#include <utility>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/float_conv.h"
#include "delegate/core/depthwise/int8_conv.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/description.h"
#include "delegate/core/float/conv.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/gemv/conv.h"
#include "delegate/core/int8/conv.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/kernel_names.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pointwise/conv.h"
#include "delegate/core/pointwise/float_conv.h"
#include "delegate/core/pointwise/int8_conv.h"
#include "delegate/core/pointwise/kernel_table.h"
#include "delegate/core/reference.h"
#include "delegate/core/stem/conv.h"
#include "delegate/core/stem/kernel_table.h"

namespace tf_pconv {
namespace {

// A kernel and those of its family that compute what is left of an image.
template <typename Kernel>
std::vector<const Kernel*> Family(const Kernel* const* table,
                                  const Kernel& kernel) {
  return KernelFamily(table, kernel, [](const Kernel&) { return true; });
}
std::vector<const Int8Kernel*> Family(const Int8Kernel* const* table,
                                      const Int8Kernel& kernel) {
  return KernelFamily(table, kernel, [&kernel](const Int8Kernel& other) {
    return other.block.rows == kernel.block.rows &&
           other.block.columns == kernel.block.columns;
  });
}
std::vector<const DepthwiseKernel*> Family(const DepthwiseKernel* const*,
                                           const DepthwiseKernel& kernel) {
  return {&kernel};
}
std::vector<const FloatDepthwiseKernel*> Family(
    const FloatDepthwiseKernel* const*, const FloatDepthwiseKernel& kernel) {
  return {&kernel};
}
std::vector<const StemKernel*> Family(const StemKernel* const*,
                                      const StemKernel& kernel) {
  return {&kernel};
}

// The kernels of a table that run the filter groups of a convolution fastest.
template <typename Kernel>
std::vector<const Kernel*> Fastest(const Kernel* const* table,
                                   uint32_t features, int group_size) {
  return FastestKernels(table, features, group_size);
}
std::vector<const Int8Kernel*> Fastest(const Int8Kernel* const* table,
                                       uint32_t features, int group_size) {
  return FastestInt8Kernels(table, features, group_size);
}

// The kernels to run: the one of that name, or the fastest, which `kernels`
// holds already. Empty means the reference.
template <typename Kernel>
Status ChooseKernels(const ConvDescription& description,
                     const PatternConvOptions& options,
                     const Kernel* const* table,
                     std::vector<const Kernel*>* kernels) {
  const bool is_named = IsSet(options.kernel);
  const char* name = is_named ? options.kernel : options.tuning.kernel;
  if (!IsSet(name)) return Status();
  if (std::strcmp(name, kReferenceKernelName) == 0) {
    kernels->clear();
    return Status();
  }
  const Kernel* kernel = FindKernel(table, name);
  if (kernel == nullptr || !CanRun(*kernel, CpuFeatures()) ||
      !Fits(*kernel, description)) {
    return UnusableKernel(name, description);
  }
  *kernels =
      is_named ? std::vector<const Kernel*>{kernel} : Family(table, *kernel);
  return Status();
}

// How convolutions of a table's kernels are made; the largest tile comes first.
template <typename Kernel>
using Make = std::unique_ptr<PatternConv> (*)(const ConvDescription&,
                                              std::vector<const Kernel*>,
                                              const ConvTuning&);

// The convolution with kernels of the table. Null, without an error, means the
// reference.
template <typename Kernel>
std::unique_ptr<PatternConv> MakeFrom(const Kernel* const* table,
                                      Make<Kernel> make,
                                      const ConvDescription& description,
                                      const PatternConvOptions& options,
                                      Status* status) {
  auto kernels = Fastest(table, CpuFeatures(), description.weights->group_size);
  *status = ChooseKernels(description, options, table, &kernels);
  if (!status->ok() || kernels.empty()) return nullptr;
  return make(description, std::move(kernels), options.tuning);
}

// The same of convolutions without filter groups, which run on one kernel.
template <typename Kernel>
std::unique_ptr<PatternConv> MakeOnOne(
    const Kernel* const* table,
    std::unique_ptr<PatternConv> (*make)(const ConvDescription&, const Kernel&),
    const ConvDescription& description, const PatternConvOptions& options,
    Status* status) {
  std::vector<const Kernel*> kernels;
  const Kernel* fastest = FastestKernel(
      table, CpuFeatures(),
      [&](const Kernel& kernel) { return Fits(kernel, description); });
  if (fastest != nullptr) kernels = {fastest};
  *status = ChooseKernels(description, options, table, &kernels);
  if (!status->ok() || kernels.empty()) return nullptr;
  return make(description, *kernels.front());
}

std::unique_ptr<PatternConv> MakePointwise(const ConvDescription& description,
                                           const PatternConvOptions& options,
                                           Status* status) {
  const char* name =
      IsSet(options.kernel) ? options.kernel : options.tuning.kernel;
  if (!IsSet(name)) return CreateConvOfAnySize(description, options.tuning);
  const auto gemv = GemvKernels(description);
  if (FindKernel(gemv, name) != nullptr) {
    constexpr Make<GemvKernel> make_gemv =
        [](const ConvDescription& conv, std::vector<const GemvKernel*> kernels,
           const ConvTuning&) {
          return CreateGemvConv(conv, *kernels.front());
        };
    return MakeFrom(gemv, make_gemv, description, options, status);
  }
  if (description.type() == DataType::kFloat32) {
    return MakeFrom(native::kFloatPointwiseKernels, CreateFloatPointwiseConv,
                    description, options, status);
  }
  // Its tiles are not cut into blocks of channels.
  constexpr Make<PointwiseKernel> make_int8 =
      [](const ConvDescription& conv,
         std::vector<const PointwiseKernel*> kernels, const ConvTuning&) {
        return CreatePointwiseConv(conv, std::move(kernels));
      };
  return MakeFrom(native::kPointwiseKernels, make_int8, description, options,
                  status);
}

std::unique_ptr<PatternConv> MakeForProcessor(
    const ConvDescription& description, const PatternConvOptions& options,
    Status* status) {
  if (description.depthwise != nullptr) {
    return description.type() == DataType::kInt8
               ? MakeOnOne(native::kDepthwiseKernels, CreateDepthwiseConv,
                           description, options, status)
               : MakeOnOne(native::kFloatDepthwiseKernels,
                           CreateFloatDepthwiseConv, description, options,
                           status);
  }
  if (description.stem != nullptr) {
    return MakeOnOne(StemKernels(description), CreateStemConv, description,
                     options, status);
  }
  if (description.weights->kernel_side == 1) {
    return MakePointwise(description, options, status);
  }
  return description.weights->type == DataType::kInt8
             ? MakeFrom(native::kInt8Kernels, CreateInt8Conv, description,
                        options, status)
             : MakeFrom(native::kFloatKernels, CreateFloatConv, description,
                        options, status);
}

}  // namespace

std::unique_ptr<PatternConv> PatternConv::Create(
    const ConvDescription& description, const PatternConvOptions& options,
    Status* status) {
  *status = CheckDescription(description);
  if (!status->ok()) return nullptr;
  const bool is_named = IsSet(options.kernel) || IsSet(options.tuning.kernel);
  if (!is_named && !HalvesFitInt32(description)) {
    return CreateReferenceConv(description);
  }
  auto conv = MakeForProcessor(description, options, status);
  if (conv != nullptr || !status->ok()) return conv;
  return CreateReferenceConv(description);
}

}  // namespace tf_pconv
