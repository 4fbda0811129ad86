#include "delegate/tflite/memory_plan.h"

#include <algorithm>

#include "delegate/core/alignment.h"

namespace tf_pconv {
namespace {

bool InUseTogether(const BufferUse& a, const BufferUse& b) {
  return a.first_pass <= b.last_pass && b.first_pass <= a.last_pass;
}

// The first gap that holds `use` among the placed buffers, which are sorted by
// offset.
size_t FindOffset(const BufferUse& use,
                  const std::vector<const BufferUse*>& placed) {
  size_t offset = 0;
  for (const BufferUse* other : placed) {
    if (!InUseTogether(use, *other)) continue;
    if (other->offset >= offset + use.bytes) break;
    offset = std::max(offset, AlignUp(other->offset + other->bytes));
  }
  return offset;
}

}  // namespace

size_t PlanMemory(std::vector<BufferUse>* uses) {
  // Large buffers first: small ones fit into what they leave.
  std::vector<BufferUse*> by_size;
  for (BufferUse& use : *uses) by_size.push_back(&use);
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const BufferUse* a, const BufferUse* b) {
                     return a->bytes > b->bytes;
                   });
  std::vector<const BufferUse*> placed;
  size_t total = 0;
  for (BufferUse* use : by_size) {
    use->offset = FindOffset(*use, placed);
    total = std::max(total, AlignUp(use->offset + use->bytes));
    placed.insert(std::upper_bound(placed.begin(), placed.end(), use,
                                   [](const BufferUse* a, const BufferUse* b) {
                                     return a->offset < b->offset;
                                   }),
                  use);
  }
  return total;
}

}  // namespace tf_pconv
