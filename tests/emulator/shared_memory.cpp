#include "tests/emulator/shared_memory.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace convtune::emulator {

SharedMemory::SharedMemory(unsigned bytes, unsigned rank) : bytes_(bytes), first_(rank * bytes) {
  void* const mapping = mmap(nullptr, limit + 2 * margin, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  mapping_ = static_cast<char*>(mapping);
  data_ = mapping_ + margin;  // mappings start at pages, and the margin is a multiple of them
#ifdef __SANITIZE_ADDRESS__
  __asan_poison_memory_region(mapping_, margin);
  __asan_poison_memory_region(data_ + bytes_, limit + margin - bytes_);
#endif
}

SharedMemory::~SharedMemory() {
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(mapping_, limit + 2 * margin);
#endif
  munmap(mapping_, limit + 2 * margin);
}

void SharedMemory::poison() { std::memset(data_, 0xff, bytes_); }

std::optional<unsigned> SharedMemory::offset(const void* pointer, std::size_t bytes) const {
  const char* at = static_cast<const char*>(pointer);
  if (at < data_ || at + bytes > data_ + bytes_) return std::nullopt;
  return first_ + static_cast<unsigned>(at - data_);
}

}  // namespace convtune::emulator
