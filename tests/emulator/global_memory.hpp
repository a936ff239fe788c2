#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/emulator/launch.hpp"

namespace convtune::emulator {

/// The arrays that a launch may touch, and what it touched of them.
class GlobalMemory {
 public:
  explicit GlobalMemory(const std::vector<GlobalArray>& arrays);

  /// Notes an access. False if it may not be: outside the arrays, or a store to one that is not
  /// writable. Without arrays every access may be, and nothing is noted.
  bool access(const void* address, std::size_t bytes, bool writes);

  /// Bytes of the sectors that were loaded, and of those that were stored, each counted once.
  std::uint64_t sector_bytes() const;

 private:
  static constexpr std::size_t sector = 32;  ///< what a GPU's caches and memory move at once

  struct Array {
    std::uintptr_t start, end;
    bool writable;
    std::vector<bool> loaded, stored;  ///< by sector, from that of `start` on
  };
  std::vector<Array> arrays_;
};

}  // namespace convtune::emulator
