#ifndef TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_
#define TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_

// From lists of kernels to what KernelTest takes. A family's `make` says what
// convolutions some of its kernels run and how they are created.

#include <cstdint>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/testing/kernel_test.h"
#include "delegate/testing/named_kernels.h"

namespace tf_pconv {

// All kernels of a list, each twice where this processor can run them.
template <typename Kernel, typename Make>
std::vector<TestedKernels> EachKernel(const Kernel* const* native,
                                      const Kernel* const* emulated,
                                      Make make) {
  std::vector<TestedKernels> all;
  for (const auto& named : NamedKernels(native, emulated)) {
    all.push_back(make(named.kernel));
    all.back().name = named.name;
  }
  return all;
}

// The same of a list with filter groups, and the kernels together as `choose`
// puts them for a group size: large tiles, and smaller ones for the rest.
template <typename Kernel, typename Make, typename Choose>
std::vector<TestedKernels> EachKernelAndItsTiles(const Kernel* const* native,
                                                 const Kernel* const* emulated,
                                                 Make make, Choose choose) {
  const auto with_tiles = [&](const std::vector<const Kernel*>& kernels) {
    TestedKernels tested = make(kernels);
    tested.conv.group_size = kernels.front()->group_size;
    tested.boundaries = TileBoundaries(kernels.front()->pixels);
    return tested;
  };
  std::vector<TestedKernels> all =
      EachKernel(native, emulated,
                 [&](const Kernel* kernel) { return with_tiles({kernel}); });
  for (int group_size : {1, 2, 4, 8, 16}) {
    for (uint32_t features : {uint32_t{kAvx2}, ~0u}) {
      all.push_back(with_tiles(choose(emulated, features, group_size)));
      all.back().name = std::string(features == kAvx2 ? "avx2" : "fastest") +
                        "_tiles_for_g" + std::to_string(group_size);
    }
  }
  return all;
}

// Chosen as the library chooses among kernels of most families.
template <typename Kernel, typename Make>
std::vector<TestedKernels> EachKernelAndItsTiles(const Kernel* const* native,
                                                 const Kernel* const* emulated,
                                                 Make make) {
  return EachKernelAndItsTiles(
      native, emulated, make,
      [](const Kernel* const* table, uint32_t features, int group_size) {
        return FastestKernels(table, features, group_size);
      });
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_KERNELS_UNDER_TEST_H_
