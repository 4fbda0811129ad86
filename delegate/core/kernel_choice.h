#ifndef TF_PCONV_DELEGATE_CORE_KERNEL_CHOICE_H_
#define TF_PCONV_DELEGATE_CORE_KERNEL_CHOICE_H_

// Choice among the kernels of a table: pointers to structs with a name, the
// processor features they need and, where they run filter groups, a group size
// and the pixels of a tile. A null pointer ends a table. Kernels of faster
// instruction sets come later.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace tf_pconv {

template <typename Kernel>
bool CanRun(const Kernel& kernel, uint32_t features) {
  return (kernel.features & ~features) == 0;
}

// The kernel of that name, or null.
template <typename Kernel>
const Kernel* FindKernel(const Kernel* const* table, std::string_view name) {
  for (; *table != nullptr; ++table) {
    if (name == (*table)->name) return *table;
  }
  return nullptr;
}

// What a kernel needs for a filter group, in units of one filter's products:
// loads and shuffles, which its filters share, cost about as much as one
// filter's products, and every run of the kernel computes all of its filters.
template <typename Kernel>
int GroupCost(const Kernel& kernel, int group_size) {
  const int runs = (group_size + kernel.group_size - 1) / kernel.group_size;
  return runs * (1 + kernel.group_size);
}

// The kernels among those accepted that run filter groups of `group_size`
// fastest: of one instruction set and group size, in all their tile sizes,
// largest first. Empty where the processor can run none.
template <typename Kernel, typename Accepts>
std::vector<const Kernel*> FastestKernels(const Kernel* const* table,
                                          uint32_t features, int group_size,
                                          Accepts accepts) {
  const Kernel* best = nullptr;
  for (const Kernel* const* entry = table; *entry != nullptr; ++entry) {
    const Kernel& kernel = **entry;
    if (!CanRun(kernel, features) || !accepts(kernel)) continue;
    if (best == nullptr || kernel.features != best->features ||
        GroupCost(kernel, group_size) < GroupCost(*best, group_size)) {
      best = &kernel;
    }
  }
  std::vector<const Kernel*> kernels;
  if (best == nullptr) return kernels;
  for (const Kernel* const* entry = table; *entry != nullptr; ++entry) {
    if (accepts(**entry) && (*entry)->features == best->features &&
        (*entry)->group_size == best->group_size) {
      kernels.push_back(*entry);
    }
  }
  std::sort(
      kernels.begin(), kernels.end(),
      [](const Kernel* a, const Kernel* b) { return a->pixels > b->pixels; });
  return kernels;
}

// Among all of the table.
template <typename Kernel>
std::vector<const Kernel*> FastestKernels(const Kernel* const* table,
                                          uint32_t features, int group_size) {
  return FastestKernels(table, features, group_size,
                        [](const Kernel&) { return true; });
}

// The fastest of those accepted of a table with one kernel for each instruction
// set, or null.
template <typename Kernel, typename Accepts>
const Kernel* FastestKernel(const Kernel* const* table, uint32_t features,
                            Accepts accepts) {
  const Kernel* fastest = nullptr;
  for (; *table != nullptr; ++table) {
    if (CanRun(**table, features) && accepts(**table)) fastest = *table;
  }
  return fastest;
}

// Among all of the table.
template <typename Kernel>
const Kernel* FastestKernel(const Kernel* const* table, uint32_t features) {
  return FastestKernel(table, features, [](const Kernel&) { return true; });
}

// A kernel and those accepted that differ from it in nothing but a smaller
// tile, largest first.
template <typename Kernel, typename Accepts>
std::vector<const Kernel*> KernelFamily(const Kernel* const* table,
                                        const Kernel& largest,
                                        Accepts accepts) {
  std::vector<const Kernel*> kernels = {&largest};
  for (; *table != nullptr; ++table) {
    const Kernel& kernel = **table;
    if (kernel.features == largest.features &&
        kernel.group_size == largest.group_size &&
        kernel.pixels < largest.pixels && accepts(kernel)) {
      kernels.push_back(&kernel);
    }
  }
  std::sort(
      kernels.begin(), kernels.end(),
      [](const Kernel* a, const Kernel* b) { return a->pixels > b->pixels; });
  return kernels;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_KERNEL_CHOICE_H_
