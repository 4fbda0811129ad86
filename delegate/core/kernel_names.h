#ifndef TF_PCONV_DELEGATE_CORE_KERNEL_NAMES_H_
#define TF_PCONV_DELEGATE_CORE_KERNEL_NAMES_H_

// Kernels by their names, and errors for those that cannot be used.

#include <cstddef>

#include "delegate/core/depthwise/kernel.h"
#include "delegate/core/gemv/kernel.h"
#include "delegate/core/int8/kernel.h"
#include "delegate/core/int8/patch.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"
#include "delegate/core/stem/kernel.h"
#include "delegate/core/stem/weights.h"

namespace tf_pconv {

// Whether a kernel computes the convolution at all.
template <typename Kernel>
bool Fits(const Kernel&, const ConvDescription& description) {
  return HalvesFitInt32(description);
}
inline bool Fits(const DepthwiseKernel& kernel,
                 const ConvDescription& description) {
  return HalvesFitInt32(description) &&
         description.kernel_height() == kernel.side &&
         description.channels() >= kDepthwiseLeastChannels;
}
inline bool Fits(const FloatDepthwiseKernel& kernel,
                 const ConvDescription& description) {
  return description.kernel_height() == kernel.side &&
         description.channels() >= kernel.channels;
}
inline bool Fits(const StemKernel&, const ConvDescription& description) {
  return HalvesFitInt32(description) &&
         description.filters() >= kStemLeastFilters;
}
inline bool Fits(const Int8Kernel& kernel, const ConvDescription& description) {
  return HalvesFitInt32(description) &&
         RunsStrides(kernel, description.stride_height,
                     description.stride_width);
}

// Those that compute 1x1 convolutions one pixel at a time, of their type.
const GemvKernel* const* GemvKernels(const ConvDescription& description);

// Those of stems, of their type.
const StemKernel* const* StemKernels(const ConvDescription& description);

// The error for a kernel that was asked for by name and cannot run the
// convolution on this processor.
Status UnusableKernel(const char* name, const ConvDescription& description);

// An error where this processor runs no kernel of that name, whatever the
// convolution. Null and empty, for the fastest, are accepted.
Status CheckKernelName(const char* name);

// Writes the names of the kernels that can run the convolution on this
// processor, as many as fit, with ", " between them.
void ListKernels(const ConvDescription& description, char* names, size_t size);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_KERNEL_NAMES_H_
