#pragma once

#include <cstdint>

namespace convtune {

inline constexpr std::int64_t cache_line = 64;  ///< bytes

inline bool lies_on_line(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % cache_line == 0;
}

/// Bytes of x, y and the weights from which on a config may store y past the caches, which would
/// fetch what is overwritten. What smaller problems leave there the next layer finds.
inline constexpr std::int64_t far_bytes = std::int64_t{16} << 20;

}  // namespace convtune
