// The few functions of the C++ runtime library that the delegate calls, so that
// it needs nothing but the C library wherever it is loaded. They are not
// exported: the application keeps its own.

#include <cstddef>
#include <cstdlib>
#include <new>

// Without exceptions there is no way on from a lack of memory.
void* operator new(std::size_t bytes) {
  void* memory = malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) abort();
  return memory;
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return malloc(bytes == 0 ? 1 : bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return malloc(bytes == 0 ? 1 : bytes);
}

void operator delete(void* memory) noexcept { free(memory); }
void operator delete[](void* memory) noexcept { free(memory); }
void operator delete(void* memory, std::size_t) noexcept { free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { free(memory); }

// The rest of what <new> declares, and what containers call where they would
// throw.
namespace std {
const nothrow_t nothrow;
void __throw_bad_alloc() { abort(); }
void __throw_bad_array_new_length() { abort(); }
void __throw_length_error(const char*) { abort(); }
void __throw_logic_error(const char*) { abort(); }
void __throw_out_of_range_fmt(const char*, ...) { abort(); }
}  // namespace std

extern "C" void __cxa_pure_virtual() { abort(); }
