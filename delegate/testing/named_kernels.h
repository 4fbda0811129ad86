#ifndef TF_PCONV_DELEGATE_TESTING_NAMED_KERNELS_H_
#define TF_PCONV_DELEGATE_TESTING_NAMED_KERNELS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"

namespace tf_pconv {

// A kernel as the parameter of a test, and the name of that.
template <typename Kernel>
struct NamedKernel {
  std::string name;
  const Kernel* kernel;
};

// All kernels of a list: on emulated intrinsics, and once more as they are
// where this processor can run them. Their names say which is which.
template <typename Kernel>
std::vector<NamedKernel<Kernel>> NamedKernels(const Kernel* const* native,
                                              const Kernel* const* emulated) {
  std::vector<NamedKernel<Kernel>> all;
  const auto add = [&all](const Kernel* kernel, const char* way) {
    all.push_back({std::string(kernel->name) + way, kernel});
    std::string& name = all.back().name;
    std::replace(name.begin(), name.end(), '-', '_');
  };
  for (; *native != nullptr; ++native, ++emulated) {
    if (CanRun(**native, CpuFeatures())) add(*native, "_native");
    add(*emulated, "_emulated");
  }
  return all;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_NAMED_KERNELS_H_
