#ifndef TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_
#define TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_

#include <ostream>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"

namespace tf_pconv {

template <typename Kernel>
struct KernelUnderTest {
  const Kernel* kernel;
  bool emulated;

  // Also the suffix of the test's name.
  std::string Name() const {
    std::string name = kernel->name;
    for (char& c : name) c = c == '-' ? '_' : c;
    return name + (emulated ? "_emulated" : "_native");
  }
};

template <typename Kernel>
void PrintTo(const KernelUnderTest<Kernel>& kernel, std::ostream* stream) {
  *stream << kernel.Name();
}

// All kernels of a list: on emulated intrinsics, and once more as they are
// where this processor can run them. Test names say which is which.
template <typename Kernel>
std::vector<KernelUnderTest<Kernel>> KernelsUnderTest(
    const Kernel* const* native, const Kernel* const* emulated) {
  const uint32_t features = CpuFeatures();
  std::vector<KernelUnderTest<Kernel>> kernels;
  for (; *native != nullptr; ++native, ++emulated) {
    if (CanRun(**native, features)) kernels.push_back({*native, false});
    kernels.push_back({*emulated, true});
  }
  return kernels;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_
