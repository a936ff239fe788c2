#pragma once

#include <cstdint>

// What the host half of a primitive knows of the emulated thread that calls it.

namespace convtune::emulator {

/// Where a primitive was called, for reports. (std::source_location is beyond clang 14.)
struct Location {
  const char* file = "";
  unsigned line = 0;

  static constexpr Location current(const char* at_file = __builtin_FILE(),
                                    unsigned at_line = __builtin_LINE()) {
    return {at_file, at_line};
  }
};

/// The emulated thread that runs on this OS thread.
struct Running {
  unsigned block = 0;
  unsigned blocks = 0;  ///< of the grid
  unsigned rank = 0;    ///< of the block in its cluster
  unsigned thread = 0;  ///< in its block
  unsigned agent = 0;   ///< in its cluster: threads of all its blocks, counted through
};
inline thread_local Running running;

/// What kernels did. Zeros that a copy fills in are not loaded.
struct Counts {
  std::uint64_t bytes_loaded = 0;  ///< from global memory, each time
  std::uint64_t bytes_stored = 0;  ///< to global memory
  std::uint64_t multiply_adds = 0;
};
inline thread_local Counts counts;

}  // namespace convtune::emulator
