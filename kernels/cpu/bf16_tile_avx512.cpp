#include "kernels/cpu/bf16_tile.hpp"

#ifdef __x86_64__
#include <immintrin.h>

#include <cstring>
#endif

namespace convtune {

#ifdef __x86_64__

namespace {

// Every CPU with AVX512-BF16 has the others.
#define CONVTUNE_AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

constexpr std::int64_t pair_bytes = 4, chunk_pairs = bf16_inputs / 2;
constexpr std::int64_t ahead = 512;  // bytes: right tiles of many inputs outgrow the nearest cache
constexpr std::int64_t rows = bf16_vector_rows;  // with two right tiles 16 sums

// Where a part of the register tile begins: in which left tile, at which of its rows, at which
// right tile.
struct Corner {
  std::int64_t left, row, right;
};

std::int64_t first_row(const Corner& corner) { return corner.left * bf16_rows + corner.row; }

// Of those rows and right tiles the wanted ones.
template <int vectors>
CONVTUNE_AVX512_BF16 void store_rounded(const Bf16Tile& t, const Corner& corner,
                                        const __m512 (&sums)[rows][vectors]) {
  const std::int64_t wanted = t.left_rows - first_row(corner);
#pragma GCC unroll 16
  for (std::int64_t v = 0; v < vectors; ++v) {
    const std::int64_t column = (corner.right + v) * bf16_rows;
    const std::int64_t columns = t.right_columns - column;
    Bits16* to = t.y + first_row(corner) * t.y_row + column;
#pragma GCC unroll 16
    for (std::int64_t row = 0; row < rows; ++row, to += t.y_row) {
      if (row >= wanted) break;
      const auto rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sums[row][v]));
      if (columns >= bf16_rows) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded);
      } else {
        _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1U << columns) - 1), rounded);
      }
    }
  }
}

// Adds the products of pairs that lie in turn: one of each row meets 16 columns at once.
template <int vectors>
[[gnu::always_inline]] CONVTUNE_AVX512_BF16 inline void add_pairs(const Bf16Tile& t,
                                                                  const char* left,
                                                                  const char* right,
                                                                  std::int64_t pairs,
                                                                  __m512 (&sums)[rows][vectors]) {
  constexpr int based = rows / 2;  // rows that share an address
  const std::int64_t row_step = t.left.row, tile_step = t.right.tile, pair_step = t.right.row;
  const char* high = left + based * row_step;
  const char* end = left + pairs * pair_bytes;
  for (; left != end; left += pair_bytes, high += pair_bytes, right += pair_step) {
    __m512bh columns[vectors];
#pragma GCC unroll 16
    for (std::int64_t v = 0; v < vectors; ++v) {
      __builtin_prefetch(right + v * tile_step + ahead);
      columns[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(right + v * tile_step));
    }
#pragma GCC unroll 16
    for (int row = 0; row < rows; ++row) {
      std::int32_t both = 0;
      std::memcpy(&both, (row < based ? left : high) + row % based * row_step, pair_bytes);
      const auto value = reinterpret_cast<__m512bh>(_mm512_set1_epi32(both));
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        sums[row][v] = _mm512_dpbf16_ps(sums[row][v], value, columns[v]);
      }
    }
  }
}

// As with one tap in NLC: the pairs of all chunks lie in turn.
bool chunks_in_turn(const Bf16Tile& t) {
  return t.taps == 1 && t.left.chunk == chunk_pairs * pair_bytes &&
         t.right.chunk == chunk_pairs * t.right.row;
}

// Those rows times `vectors` right tiles. Every end of add_pairs() costs some cycles: one for all
// chunks where possible, apart from the loops, so that their state takes no registers from it.
template <int vectors>
CONVTUNE_AVX512_BF16 void reduce(const Bf16Tile& t, const Corner& corner) {
  const std::int64_t row_step = t.left.row, tile_step = t.right.tile;
  const char* left = bytes_behind(t.left.at, corner.left * t.left.tile + corner.row * row_step);
  const char* right = bytes_behind(t.right.at, corner.right * tile_step);
  const char* start = bytes_behind(t.start, corner.left * t.start_left + corner.row * t.start_row +
                                                corner.right * t.start_right);
  __m512 sums[rows][vectors];
#pragma GCC unroll 16
  for (std::int64_t row = 0; row < rows; ++row) {
#pragma GCC unroll 16
    for (std::int64_t v = 0; v < vectors; ++v) {
      sums[row][v] = _mm512_loadu_ps(start + row * t.start_row + v * t.start_right);
    }
  }
  if (chunks_in_turn(t)) {
    add_pairs(t, left, right, (t.chunks - 1) * chunk_pairs + t.last_pairs, sums);
  } else {
    for (std::int64_t chunk = 0; chunk < t.chunks; ++chunk) {
      const std::int64_t pairs = chunk + 1 < t.chunks ? chunk_pairs : t.last_pairs;
      for (std::int64_t tap = 0; tap < t.taps; ++tap) {
        add_pairs(t, left + chunk * t.left.chunk + tap * t.left.tap,
                  right + chunk * t.right.chunk + tap * t.right.tap, pairs, sums);
      }
    }
  }
  if (t.y != nullptr) return store_rounded<vectors>(t, corner, sums);
  const std::int64_t to_step = t.right_tiles * bf16_rows;
  float* to = t.sums + first_row(corner) * to_step + corner.right * bf16_rows;
#pragma GCC unroll 16
  for (std::int64_t row = 0; row < rows; ++row) {
#pragma GCC unroll 16
    for (std::int64_t v = 0; v < vectors; ++v) {
      _mm512_storeu_ps(to + row * to_step + v * bf16_rows, sums[row][v]);
    }
  }
}

}  // namespace

// Right tiles stay in the nearest cache while the rows of all left ones pass.
void multiply_by_avx512(const Bf16Tile& tile) {
  for (std::int64_t right = 0; right < tile.right_tiles; right += 2) {
    for (std::int64_t row = 0; row < tile.left_rows; row += rows) {
      const Corner corner = {row / bf16_rows, row % bf16_rows, right};
      right + 1 < tile.right_tiles ? reduce<2>(tile, corner) : reduce<1>(tile, corner);
    }
  }
}

#else

void multiply_by_avx512(const Bf16Tile&) {}

#endif

}  // namespace convtune
