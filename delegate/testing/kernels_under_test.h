#ifndef TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_
#define TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"

namespace tf_pconv {

// Where it is set to 1, tests run every kernel on emulated intrinsics.
inline constexpr char kEmulateVariable[] = "TF_PCONV_EMULATE_KERNELS";

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

// All kernels of a list: native where this processor can run them, else (or
// where the variable asks for it) emulated. Says which on standard output.
template <typename Kernel>
std::vector<KernelUnderTest<Kernel>> KernelsUnderTest(
    const Kernel* const* native, const Kernel* const* emulated) {
  const char* variable = std::getenv(kEmulateVariable);
  const bool emulate = variable != nullptr && std::strcmp(variable, "1") == 0;
  const uint32_t features = CpuFeatures();
  std::vector<KernelUnderTest<Kernel>> kernels;
  for (; *native != nullptr; ++native) {
    const bool runs = CanRun(**native, features) && !emulate;
    kernels.push_back(
        {runs ? *native : FindKernel(emulated, (*native)->name), !runs});
    std::printf("%s: %s\n", (*native)->name, runs ? "native" : "emulated");
  }
  return kernels;
}

// All kernels of a list, emulated.
template <typename Kernel>
std::vector<KernelUnderTest<Kernel>> EmulatedKernels(
    const Kernel* const* emulated) {
  std::vector<KernelUnderTest<Kernel>> kernels;
  for (; *emulated != nullptr; ++emulated) kernels.push_back({*emulated, true});
  return kernels;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_
