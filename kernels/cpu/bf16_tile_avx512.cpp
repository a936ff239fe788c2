#include "kernels/cpu/bf16_tile.hpp"

#ifdef __x86_64__
#include <immintrin.h>

#include <cstring>
#endif

namespace convtune {

#ifdef __x86_64__

namespace {

constexpr std::int64_t bytes_per_pair = 4;

const char* at(const void* base, std::int64_t bytes) {
  return static_cast<const char*>(base) + bytes;
}

// Where a part of the register tile begins: in which left tile, at which of its rows, at which
// right tile.
struct Corner {
  std::int64_t left, row, right;
};

// `rows` rows times `vectors` right tiles. A pair of each row meets 16 columns at once; the sums
// take most of the 32 registers, and four rows share one address.
template <int rows, int vectors>
__attribute__((target("avx512f,avx512bf16"))) void reduce(const Bf16Tile& t, const Corner& corner) {
  constexpr int based = 4;
  constexpr int bases = rows / based;
  __m512 sums[rows][vectors];
  const char* start = at(t.start, corner.left * t.start_left + corner.row * t.start_row +
                                      corner.right * t.start_right);
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      sums[row][v] = _mm512_loadu_ps(start + row * t.start_row + v * t.start_right);
    }
  }
  for (std::int64_t chunk = 0; chunk < t.chunks; ++chunk) {
    const char* left =
        at(t.left.at, corner.left * t.left.tile + corner.row * t.left.row + chunk * t.left.chunk);
    const char* right = at(t.right.at, corner.right * t.right.tile + chunk * t.right.chunk);
    for (std::int64_t tap = 0; tap < t.taps; ++tap, left += t.left.tap, right += t.right.tap) {
      const char* x[bases];
      for (int i = 0; i < bases; ++i) x[i] = left + i * based * t.left.row;
      const char* pairs = right;
      for (std::int64_t pair = 0; pair < bf16_inputs / 2; ++pair, pairs += t.right.row) {
        __m512bh w[vectors];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) {
          w[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(pairs + v * t.right.tile));
        }
#pragma GCC unroll 16
        for (int row = 0; row < rows; ++row) {
          std::int32_t both = 0;
          std::memcpy(&both, x[row / based] + row % based * t.left.row + pair * bytes_per_pair, 4);
          const auto value = reinterpret_cast<__m512bh>(_mm512_set1_epi32(both));
#pragma GCC unroll 16
          for (int v = 0; v < vectors; ++v) {
            sums[row][v] = _mm512_dpbf16_ps(sums[row][v], value, w[v]);
          }
        }
      }
    }
  }
  const std::int64_t to_step = t.right_tiles * bf16_rows;
  float* to = t.sums + (corner.left * bf16_rows + corner.row) * to_step + corner.right * bf16_rows;
#pragma GCC unroll 16
  for (int row = 0; row < rows; ++row) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) _mm512_storeu_ps(to + row * to_step + v * 16, sums[row][v]);
  }
}

// A right tile stays in the nearest cache while the rows of all left ones pass.
template <int rows, int vectors>
void reduce_all(const Bf16Tile& t) {
  for (std::int64_t right = 0; right < t.right_tiles; right += vectors) {
    for (std::int64_t left = 0; left < t.left_tiles; ++left) {
      for (std::int64_t row = 0; row < bf16_rows; row += rows) {
        reduce<rows, vectors>(t, {left, row, right});
      }
    }
  }
}

}  // namespace

void multiply_by_avx512(const Bf16Tile& tile) {
  if (tile.right_tiles % 2 == 0) return reduce_all<8, 2>(tile);
  if (tile.right_tiles % 3 == 0) return reduce_all<8, 3>(tile);
  reduce_all<16, 1>(tile);
}

#else

void multiply_by_avx512(const Bf16Tile&) {}

#endif

}  // namespace convtune
