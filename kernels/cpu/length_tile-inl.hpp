// The register tiles of cpu_length. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_LENGTH_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_LENGTH_TILE_INL
#undef CONVTUNE_CPU_LENGTH_TILE_INL
#else
#define CONVTUNE_CPU_LENGTH_TILE_INL
#endif

#include <hwy/highway.h>

#include "kernels/cpu/length.hpp"
#include "kernels/cpu/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

template <int channels, int vectors>
using LengthSums = hn::Vec<Floats<max_lanes>>[channels][vectors];

template <int channels, int vectors>
HWY_INLINE void start_sums(const LengthTile& tile, const float* row,
                           LengthSums<channels, vectors>& sums) {
  constexpr Floats<max_lanes> d;
  if (tile.bias != nullptr) {
    CONVTUNE_UNROLL
    for (int c = 0; c < channels; ++c) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) sums[c][v] = hn::Set(d, tile.bias[c]);
    }
    return;
  }
  CONVTUNE_UNROLL
  for (int c = 0; c < channels; ++c, row += tile.sums_step) {
    CONVTUNE_UNROLL
    for (int v = 0; v < vectors; ++v) sums[c][v] = hn::LoadU(d, row + v * max_lanes);
  }
}

template <int channels, int vectors>
HWY_INLINE void leave_sums(const LengthTile& tile, const LengthSums<channels, vectors>& sums,
                           float* row) {
  constexpr Floats<max_lanes> d;
  const std::int64_t step = tile.sums_step;  // a row that is stored might alias the tile
  if (tile.past_caches) {
    CONVTUNE_UNROLL
    for (int c = 0; c < channels; ++c, row += step) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) hn::Stream(sums[c][v], d, row + v * max_lanes);
    }
    return;
  }
  CONVTUNE_UNROLL
  for (int c = 0; c < channels; ++c, row += step) {
    CONVTUNE_UNROLL
    for (int v = 0; v < vectors; ++v) hn::StoreU(sums[c][v], d, row + v * max_lanes);
  }
}

// Of `channel`, what outputs [t, t + count) read.
HWY_INLINE void fetch(const LengthAhead& ahead, std::int64_t channel, std::int64_t t,
                      std::int64_t count) {
  const std::int64_t step = ahead.position_bytes;
  const std::byte* first = ahead.x + channel * ahead.channel_bytes + t * step;
  if (step < cache_line) {
    prefetch_rows(first, 0, 1, count * step);
  } else {
    prefetch_rows(first, step, count, 1);
  }
}

template <int channels, int vectors>
void sum_length_tile(const LengthTile& tile, std::int64_t t) {
  using V = hn::Vec<Floats<max_lanes>>;
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t width = vectors * max_lanes;
  float* row = tile.sums + t;
  if (tile.sums_in_y && !tile.past_caches) {
    prefetch_rows(row + width, tile.sums_step, channels, width);
  }
  LengthSums<channels, vectors> sums;
  start_sums<channels, vectors>(tile, row, sums);
  const std::int64_t taps = tile.taps;
  const float* x = tile.x + t;
  const float* w_channel = tile.w;
  std::int64_t ahead = tile.ahead.first;
  for (std::int64_t channel = 0; channel < tile.channels; ++channel) {
    const float* w = w_channel;
    if (HWY_UNLIKELY(channel == ahead)) {
      fetch(tile.ahead, channel, t, width);
      ahead += tile.ahead.every;
    }
    for (std::int64_t k = 0; k < taps; ++k, w += channels) {
      const float* tap = x + tile.offsets[k];
      V values[vectors];
      for (int v = 0; v < vectors; ++v) values[v] = hn::LoadU(d, tap + v * max_lanes);
      for (int c = 0; c < channels; ++c) {
        const V weight = hn::Set(d, w[c]);
        for (int v = 0; v < vectors; ++v) sums[c][v] = hn::MulAdd(values[v], weight, sums[c][v]);
      }
    }
    x += tile.channel_step;
    w_channel += tile.w_channel_step;
  }
  leave_sums<channels, vectors>(tile, sums, row);
}

template <int channels, int vectors>
void sum_length_tiles(const LengthTile& tile) {
  for (std::int64_t t = 0; t < tile.positions; t += vectors * max_lanes) {
    sum_length_tile<channels, vectors>(tile, t);
  }
}

// Of one width, the tiles whose sums, values and one weight the target's registers hold.
template <int vectors>
LengthTile::Code length_tile_of(std::int64_t tile_c) {
  if (tile_c == 1) return sum_length_tiles<1, vectors>;
  if (tile_c == 2) return sum_length_tiles<2, vectors>;
  if constexpr (5 * vectors < registers) {
    if (tile_c == 4) return sum_length_tiles<4, vectors>;
  }
  if constexpr (7 * vectors < registers) {
    if (tile_c == 6) return sum_length_tiles<6, vectors>;
  }
  if constexpr (9 * vectors < registers) {
    if (tile_c == 8) return sum_length_tiles<8, vectors>;
  }
  if constexpr (13 * vectors < registers) {
    if (tile_c == 12) return sum_length_tiles<12, vectors>;
  }
  return nullptr;
}

inline LengthTile::Code find_length_tile(std::int64_t tile_c, std::int64_t tile_l) {
  constexpr std::int64_t lanes = max_lanes;
  if (tile_l == lanes) return length_tile_of<1>(tile_c);
  if (tile_l == 2 * lanes) return length_tile_of<2>(tile_c);
  if (tile_l == 3 * lanes) return length_tile_of<3>(tile_c);
  if (tile_l == 4 * lanes) return length_tile_of<4>(tile_c);
  return nullptr;
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
