#include "delegate/testing/guarded_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace tf_pconv {
namespace {

constexpr uint8_t kPattern = 0xa5;

}  // namespace

GuardedBuffer::GuardedBuffer(size_t size) {
  const size_t page = sysconf(_SC_PAGESIZE);
  // At least one byte lies before the memory.
  const size_t accessible = (size + page) / page * page;
  mapped_ = accessible + page;
  void* mapping = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) std::abort();
  mapping_ = static_cast<uint8_t*>(mapping);
  std::memset(mapping_, kPattern, accessible);
  if (mprotect(mapping_ + accessible, page, PROT_NONE) != 0) std::abort();
  data_ = mapping_ + accessible - size;
}

GuardedBuffer::~GuardedBuffer() { munmap(mapping_, mapped_); }

bool GuardedBuffer::FrontIntact() const {
  for (const uint8_t* byte = mapping_; byte != data_; ++byte) {
    if (*byte != kPattern) return false;
  }
  return true;
}

}  // namespace tf_pconv
