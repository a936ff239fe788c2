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
void sum_length_tile(const LengthTile& tile, std::int64_t t) {
  using V = hn::Vec<Floats<max_lanes>>;
  constexpr Floats<max_lanes> d;
  V sums[channels][vectors];
  float* left = tile.sums + t;
  constexpr std::int64_t width = vectors * max_lanes;
  if (tile.sums_in_y && !tile.past_caches)
    prefetch_rows(left + width, tile.sums_step, channels, width);
  for (int c = 0; c < channels; ++c) {
    for (int v = 0; v < vectors; ++v) {
      sums[c][v] = tile.bias != nullptr ? hn::Set(d, tile.bias[c])
                                        : hn::LoadU(d, left + c * tile.sums_step + v * max_lanes);
    }
  }
  const std::int64_t taps = tile.taps;
  const float* x = tile.x + t;
  const float* w_channel = tile.w;
  for (std::int64_t channel = 0; channel < tile.channels; ++channel) {
    const float* w = w_channel;
    if (tile.x_is_far) prefetch_rows(x + tile.offsets[taps - 1] + width, 0, 1, width);
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
  if (tile.past_caches) {
    CONVTUNE_UNROLL
    for (int c = 0; c < channels; ++c) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) {
        hn::Stream(sums[c][v], d, left + c * tile.sums_step + v * max_lanes);
      }
    }
    return;
  }
  for (int c = 0; c < channels; ++c) {
    for (int v = 0; v < vectors; ++v) {
      hn::StoreU(sums[c][v], d, left + c * tile.sums_step + v * max_lanes);
    }
  }
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
