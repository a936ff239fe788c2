#include "tests/emulator/global_memory.hpp"

#include <algorithm>

namespace convtune::emulator {

GlobalMemory::GlobalMemory(const std::vector<GlobalArray>& arrays) {
  for (const GlobalArray& array : arrays) {
    const auto start = reinterpret_cast<std::uintptr_t>(array.data);
    const std::uintptr_t end = start + array.bytes;
    const std::size_t sectors = (end + sector - 1) / sector - start / sector;
    arrays_.push_back({.start = start,
                       .end = end,
                       .writable = array.writable,
                       .loaded = std::vector<bool>(sectors),
                       .stored = std::vector<bool>(sectors)});
  }
}

bool GlobalMemory::access(const void* address, std::size_t bytes, bool writes) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (Array& array : arrays_) {
    if (at < array.start || at + bytes > array.end || (writes && !array.writable)) continue;
    std::vector<bool>& touched = writes ? array.stored : array.loaded;
    for (std::uintptr_t i = at / sector; i <= (at + bytes - 1) / sector; ++i)
      touched[i - array.start / sector] = true;
    return true;
  }
  return arrays_.empty();
}

std::uint64_t GlobalMemory::sector_bytes() const {
  std::uint64_t sectors = 0;
  for (const Array& array : arrays_) {
    for (const auto* touched : {&array.loaded, &array.stored})
      sectors += static_cast<std::uint64_t>(std::ranges::count(*touched, true));
  }
  return sectors * sector;
}

}  // namespace convtune::emulator
