#pragma once

#include <cstdint>

namespace convtune {

/// A register tile of a × b tiles of 16 × 16 sums:
///   sums[i][j] = start + Σ_chunk Σ_tap Σ_{p + q ≤ 2} left[i][chunk][tap][p] ·
///   right[j][chunk][tap][q]
/// a left tile is 16 rows of 32 bfloat16, a right one 16 rows of 16 pairs; p and q count the parts
/// that a number is the sum of, most significant first. All steps are in bytes.
struct AmxTile {
  struct Operand {
    const void* at = nullptr;
    std::int64_t row = 0;   ///< from one row of a tile to the next
    std::int64_t tile = 0;  ///< from one tile of the register tile to the next
    std::int64_t chunk = 0, tap = 0, part = 0;
  };
  Operand left, right;
  std::int64_t chunks = 0, taps = 0, parts = 0;
  const float* start = nullptr;
  std::int64_t start_row = 0, start_left = 0, start_right = 0;  ///< per row, i and j
  float* sums = nullptr;                                        ///< [16 · a][16 · b]

  using Code = void (*)(const AmxTile&);
};

inline constexpr std::int64_t amx_rows = 16;       ///< of a tile
inline constexpr std::int64_t amx_inputs = 32;     ///< bfloat16 of a row
inline constexpr std::int64_t amx_elements = 512;  ///< bfloat16 of a tile

/// Most parts of a number, and the pairs of parts that are multiplied: (p, q) with p + q ≤ 2.
inline constexpr std::int64_t amx_max_parts = 3;
constexpr std::int64_t amx_products(std::int64_t parts) {
  return parts * parts - (parts > 2 ? 3 : 0);
}

/// The code for that many tiles; null if the registers do not hold them.
AmxTile::Code amx_tile(std::int64_t left, std::int64_t right);

/// While it lives, this thread's tile registers have the shape that the code needs.
class AmxTiles {
 public:
  AmxTiles();
  ~AmxTiles();
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;
};

}  // namespace convtune
