// The register tiles of cpu_direct. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_DIRECT_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_DIRECT_TILE_INL
#undef CONVTUNE_CPU_DIRECT_TILE_INL
#else
#define CONVTUNE_CPU_DIRECT_TILE_INL
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// Two nested loops, over taps and input channels. Row i begins with what is at
/// start + i · start_step, and ends at to + i · to_step.
struct DirectReduction {
  const float* x;  ///< what the tile's first row reads first
  const float* w;
  const float* start;
  std::int64_t start_step;
  float* to;
  std::int64_t to_step;
  bool past_caches;       ///< store to memory itself, in vectors that do not cross one of its lines
  std::int64_t row_step;  ///< in x, from one output position to the next
  std::int64_t outer_count, outer_x_step, outer_w_step;
  std::int64_t inner_count, inner_x_step;
};

// start[row][co] + Σ x[row] · w[co]: the tile stays in registers over the whole reduction.
template <std::size_t lanes, int vectors, int rows>
void reduce_tile(const DirectReduction& r) {
  using V = hn::Vec<Floats<lanes>>;
  constexpr Floats<lanes> d;
  constexpr std::int64_t tile_c = vectors * lanes;
  // With one vector each multiply-add needs a load: none may be spent on addresses, for which one
  // base with a step to each row takes more registers than there are.
  constexpr int based = vectors == 1 ? std::min(4, rows) : rows;
  constexpr int bases = (rows + based - 1) / based;
  // So short sums would wait for the lines of y that they are stored to, even if asked for now.
  constexpr std::int64_t short_sum = 16, tiles_ahead = 4;
  const bool into_y = r.start != r.to;
  if (into_y && !r.past_caches && r.outer_count * r.inner_count <= short_sum) {
    prefetch_rows(r.to + tiles_ahead * rows * r.to_step, r.to_step, rows, tile_c);
  }
  V sums[rows][vectors];
  const float* start = r.start;
  for (int row = 0; row < rows; ++row, start += r.start_step) {
    for (int v = 0; v < vectors; ++v) sums[row][v] = hn::LoadU(d, start + v * lanes);
  }
  for (std::int64_t outer = 0; outer < r.outer_count; ++outer) {
    const float* x[bases];
    for (std::int64_t i = 0; i < bases; ++i) {
      x[i] = r.x + outer * r.outer_x_step + i * based * r.row_step;
    }
    const float* w = r.w + outer * r.outer_w_step;
    for (std::int64_t inner = 0; inner < r.inner_count; ++inner) {
      V weights[vectors];
      for (int v = 0; v < vectors; ++v) weights[v] = hn::LoadU(d, w + v * lanes);
      for (int row = 0; row < rows; ++row) {
        const V value = hn::Set(d, x[row / based][row % based * r.row_step]);
        for (int v = 0; v < vectors; ++v) {
          sums[row][v] = hn::MulAdd(value, weights[v], sums[row][v]);
        }
      }
      for (int i = 0; i < bases; ++i) x[i] += r.inner_x_step;
      w += tile_c;
    }
  }
  float* to = r.to;
  if (r.past_caches) {
    CONVTUNE_UNROLL
    for (int row = 0; row < rows; ++row, to += r.to_step) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) hn::Stream(sums[row][v], d, to + v * lanes);
    }
    return;
  }
  CONVTUNE_UNROLL
  for (int row = 0; row < rows; ++row, to += r.to_step) {
    CONVTUNE_UNROLL
    for (int v = 0; v < vectors; ++v) hn::StoreU(sums[row][v], d, to + v * lanes);
  }
}

/// The most rows of a tile there is code for, up to `rows`.
inline std::int64_t largest_tile(std::int64_t rows) {
  for (const std::int64_t tile : {12, 8, 6, 4, 2}) {
    if (rows >= tile) return tile;
  }
  return 1;
}

/// A tile of that many rows, a value of largest_tile(). Inlined into its callers it would be
/// compiled for each.
template <std::size_t lanes, int vectors>
HWY_NOINLINE void reduce(std::int64_t rows, const DirectReduction& r) {
  switch (rows) {
    case 12:
      return reduce_tile<lanes, vectors, 12>(r);
    case 8:
      return reduce_tile<lanes, vectors, 8>(r);
    case 6:
      return reduce_tile<lanes, vectors, 6>(r);
    case 4:
      return reduce_tile<lanes, vectors, 4>(r);
    case 2:
      return reduce_tile<lanes, vectors, 2>(r);
    default:
      return reduce_tile<lanes, vectors, 1>(r);
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
