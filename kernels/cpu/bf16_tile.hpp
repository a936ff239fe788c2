#pragma once

#include <cstdint>

#include "kernels/dtype.hpp"

namespace convtune {

/// A register tile of left_tiles × right_tiles tiles of 16 × 16 sums:
///   sums[i][j] = start + Σ_chunk Σ_tap Σ_{p + q ≤ 2} left[i][chunk][tap][p] ·
///   right[j][chunk][tap][q]
/// a left tile is 16 rows of 32 bfloat16, a right one 16 rows of 16 pairs; p and q count the parts
/// that a number is the sum of, most significant first. All steps are in bytes.
struct Bf16Tile {
  struct Operand {
    const void* at = nullptr;
    std::int64_t row = 0;   ///< from one row of a tile to the next
    std::int64_t tile = 0;  ///< from one tile of the register tile to the next
    std::int64_t chunk = 0, tap = 0, part = 0;
  };
  Operand left, right;
  std::int64_t left_tiles = 0, right_tiles = 0;
  std::int64_t left_rows = 0;  ///< of all left tiles, that are wanted: others may be left out
  std::int64_t chunks = 0, taps = 0, parts = 0;
  std::int64_t last_pairs = 0;  ///< of the last chunk, that are wanted: the others may be left out,
                                ///< and are 0 for AMX
  const float* start = nullptr;
  std::int64_t start_row = 0, start_left = 0, start_right = 0;  ///< per row, i and j
  float* sums = nullptr;  ///< [16 · left_tiles][16 · right_tiles]
  /// Not null, and only by AVX512-BF16: where the wanted sums go instead, rounded to bfloat16, rows
  /// y_row elements apart.
  Bits16* y = nullptr;
  std::int64_t y_row = 0;
  std::int64_t right_columns = 0;  ///< of all right tiles, that are wanted in y
};

inline constexpr std::int64_t bf16_rows = 16;        ///< of a tile
inline constexpr std::int64_t bf16_vector_rows = 8;  ///< that AVX512-BF16 sums together
inline constexpr std::int64_t bf16_inputs = 32;      ///< bfloat16 of a row
inline constexpr std::int64_t bf16_elements = 512;   ///< bfloat16 of a tile

/// Most parts of a number, and the pairs of parts that are multiplied: (p, q) with p + q ≤ 2.
inline constexpr std::int64_t bf16_max_parts = 3;
constexpr std::int64_t bf16_products(std::int64_t parts) {
  return parts * parts - (parts > 2 ? 3 : 0);
}

inline const char* bytes_behind(const void* base, std::int64_t bytes) {
  return static_cast<const char*>(base) + bytes;
}

/// Computes the sums, by AMX: for at most 4 tiles of sums. Numbers below 2⁻¹²⁶ are taken for 0, as
/// sums become it.
void multiply_by_amx(const Bf16Tile& tile);

/// The same by AVX512-BF16, for numbers of one part and any number of tiles: bf16_vector_rows rows
/// and up to two right tiles at a time. Rows beyond left_rows, rounded up to that, keep their sums.
void multiply_by_avx512(const Bf16Tile& tile);

/// If `wanted`, then while it lives this thread's tile registers have the shapes that
/// multiply_by_amx() needs.
class AmxShapes {
 public:
  explicit AmxShapes(bool wanted);
  ~AmxShapes();
  AmxShapes(const AmxShapes&) = delete;
  AmxShapes& operator=(const AmxShapes&) = delete;

 private:
  [[maybe_unused]] bool set_;
};

}  // namespace convtune
