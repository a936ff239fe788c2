#pragma once

#include "kernels/cuda/device/matrix.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/tf32.cuh"
#include "kernels/cuda/implicit_gemm_config.hpp"

namespace convtune::cuda {

// How conv1d_implicit_gemm multiplies tiles in shared memory. mma's rows (M) and columns (N) are
// positions and output channels in NLC, the other way round in NCL, so that neighbouring sums of a
// lane are neighbours in y.

/// A warp's tile.
template <ImplicitGemmConfig config>
struct WarpTile {
  static constexpr bool nlc = config.layout == Layout::NLC;
  static constexpr int length = config.tile_l / warp_grid(config).along_l;
  static constexpr int channels = config.tile_c / warp_grid(config).along_c;
  static constexpr int rows = nlc ? length : channels;
  static constexpr int columns = nlc ? channels : length;

  /// Where a warp's tile lies in its block's, and what part of the channels it multiplies.
  int row = 0;
  int column = 0;
  int part = 0;
};

template <ImplicitGemmConfig config>
WarpTile<config> warp_tile() {
  constexpr WarpGrid grid = warp_grid(config);
  constexpr bool nlc = config.layout == Layout::NLC;
  const int warp = warp_index();
  const int l = warp % grid.along_l * WarpTile<config>::length;
  const int c = warp / grid.along_l % grid.along_c * WarpTile<config>::channels;
  return {nlc ? l : c, nlc ? c : l, warp / (grid.along_l * grid.along_c)};
}

/// A lane's share of a warp's sums, by fragments of 16 rows and 8 columns (see matrix.cuh).
template <ImplicitGemmConfig config>
struct GemmSums {
  float at[WarpTile<config>::rows / 16][WarpTile<config>::columns / 8][4] = {};
};

/// A fragment of A, or two of B side by side: 16 rows of a tile by 32 bytes. With tf32x3 `rest` is
/// what rounding to TF32 takes away.
struct Fragment {
  unsigned word[4];
  unsigned rest[4];
};

template <ImplicitGemmConfig config>
void load_fragment(Fragment& fragment, unsigned address) {
  load_matrix(fragment.word, address);
  if constexpr (config.dtype == DType::float32) {
    CONVTUNE_UNROLL
    for (int i = 0; i < 4; ++i) {
      const SplitTf32 split = split_tf32(__builtin_bit_cast(float, fragment.word[i]));
      fragment.word[i] = split.big;
      if constexpr (config.math == Math::tf32x3) fragment.rest[i] = split.small;
    }
  }
}

/// sums += a * b for columns 8*half to 8*half + 7 of b. The small products go first.
template <ImplicitGemmConfig config>
void multiply(float (&sums)[4], const Fragment& a, const Fragment& b, int half) {
  const unsigned words[2] = {b.word[2 * half], b.word[2 * half + 1]};
  if constexpr (config.math == Math::tf32x3) {
    const unsigned rests[2] = {b.rest[2 * half], b.rest[2 * half + 1]};
    mma<config.dtype>(sums, a.rest, words);
    mma<config.dtype>(sums, a.word, rests);
  }
  mma<config.dtype>(sums, a.word, words);
}

/// Where a lane reads a tile: it names a row, and one of two chunks, to load_matrix.
template <ImplicitGemmConfig config>
struct LaneRow {
  unsigned address;  ///< of its row
  int row;
  int chunk;

  /// Of the chunk in the 32 bytes `slice`, in the row `below` further down, a multiple of 16.
  unsigned at(int slice, int below) const {
    const int chunk_at = swizzled_chunk(config.row_bytes, row, 2 * slice + chunk);
    return address + static_cast<unsigned>(below * config.row_bytes + chunk_at * 16);
  }
};

/// Of a tile at a shared address, from row `first` on, for A: rows 0 to 15 of the first chunk, then
/// of the second.
template <ImplicitGemmConfig config>
LaneRow<config> lane_row_of_a(unsigned tile, int first) {
  const int row = first + lane_index() % 16;
  return {tile + static_cast<unsigned>(row * config.row_bytes), row, lane_index() / 16};
}
/// Likewise for B: both chunks of rows 0 to 7, then of the others.
template <ImplicitGemmConfig config>
LaneRow<config> lane_row_of_b(unsigned tile, int first) {
  const int row = first + lane_index() % 8 + lane_index() / 16 * 8;
  return {tile + static_cast<unsigned>(row * config.row_bytes), row, lane_index() / 8 % 2};
}

/// Adds a step's products. `x_row` is the row of the tile of x that the block's first output reads.
template <ImplicitGemmConfig config>
void add_products(unsigned x, int x_row, unsigned weights, const WarpTile<config>& warp,
                  GemmSums<config>& sums) {
  using Tile = WarpTile<config>;
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int slices = config.row_bytes / slice_bytes / config.split;
  const LaneRow<config> a_row =
      lane_row_of_a<config>(nlc ? x : weights, warp.row + (nlc ? x_row : 0));
  const LaneRow<config> b_row =
      lane_row_of_b<config>(nlc ? weights : x, warp.column + (nlc ? 0 : x_row));

  CONVTUNE_UNROLL
  for (int i = 0; i < slices; ++i) {
    const int slice = warp.part * slices + i;
    Fragment a[Tile::rows / 16];
    CONVTUNE_UNROLL
    for (int r = 0; r < Tile::rows / 16; ++r) load_fragment<config>(a[r], a_row.at(slice, 16 * r));
    CONVTUNE_UNROLL
    for (int c = 0; c < Tile::columns / 16; ++c) {
      Fragment b;
      load_fragment<config>(b, b_row.at(slice, 16 * c));
      CONVTUNE_UNROLL
      for (int r = 0; r < Tile::rows / 16; ++r) {
        multiply<config>(sums.at[r][2 * c], a[r], b, 0);
        multiply<config>(sums.at[r][2 * c + 1], a[r], b, 1);
      }
    }
  }
}

}  // namespace convtune::cuda
