#pragma once

#include "kernels/cuda/device/arithmetic.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/matrix.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/halo_config.hpp"

namespace convtune::cuda {

// How a warp of conv1d_halo multiplies a step of the reduction: step_rows rows of words, which the
// table finds in shared memory, by the weights, which all warps of a tile read through the cache.

template <HaloConfig config>
using HaloSums = float[fragments_l(config)][fragments_c(config)][fragment(config)];

/// Position, within the tile, of a thread's sum [i][c][e], and its channel.
template <HaloConfig config>
int sum_position(int i, int e) {
  const int lane = lane_index();
  return is_matrix(config) ? i * 16 + lane / 4 + e / 2 * 8 : i * 32 + lane;
}
template <HaloConfig config>
int sum_channel(int c, int e) {
  return is_matrix(config) ? c * 8 + lane_index() % 4 * 2 + e % 2 : c;
}

/// Float32: a lane holds each 32nd position and all channels; the weights are the same for all.
/// `words` begins at the tile's first position.
template <HaloConfig config>
void multiply_floats(const float* words, const int* table, const float* weights,
                     HaloSums<config>& sums) {
  constexpr int width = config.tile_c;
  const int lane = lane_index();
  const Vector<int, step_rows(config)> rows = load<step_rows(config)>(table);
  float w[step_weights(config)];
  load_floats(weights, w);
  CONVTUNE_UNROLL
  for (int row = 0; row < step_rows(config); ++row) {
    const float* from = words + rows.at[row] + lane;
    CONVTUNE_UNROLL
    for (int i = 0; i < fragments_l(config); ++i) {
      const float x = from[i * 32];
      CONVTUNE_UNROLL
      for (int c = 0; c < width; ++c)
        sums[i][c][0] = multiply_add(x, w[row * width + c], sums[i][c][0]);
    }
  }
}

/// 16 bits: positions are the rows of A, a lane's words those of rows lane%4 and lane%4 + 4 of the
/// step; channels are the columns of B, packed as the fragments that lanes hold.
template <HaloConfig config>
void multiply_pairs(const unsigned* words, const int* table, const unsigned* weights,
                    HaloSums<config>& sums) {
  const int lane = lane_index();
  const Vector<int, 2> rows = load<2>(table + lane % 4 * 2);
  unsigned b[fragments_c(config)][2];
  if constexpr (fragments_c(config) == 1) {
    const Vector<unsigned, 2> both = load<2>(weights + lane * 2);
    b[0][0] = both.at[0];
    b[0][1] = both.at[1];
  } else {
    CONVTUNE_UNROLL
    for (int c = 0; c < fragments_c(config); c += 2) {
      const Vector<unsigned, 4> four = load<4>(weights + (c / 2 * 32 + lane) * 4);
      CONVTUNE_UNROLL
      for (int i = 0; i < 4; ++i) b[c + i / 2][i % 2] = four.at[i];
    }
  }
  CONVTUNE_UNROLL
  for (int i = 0; i < fragments_l(config); ++i) {
    const unsigned* from = words + i * 16 + lane / 4;
    const unsigned a[4] = {from[rows.at[0]], from[rows.at[0] + 8], from[rows.at[1]],
                           from[rows.at[1] + 8]};
    CONVTUNE_UNROLL
    for (int c = 0; c < fragments_c(config); ++c) mma<config.dtype>(sums[i][c], a, b[c]);
  }
}

/// Adds the products of one chunk: of a split, this warp's steps.
template <HaloConfig config, class T>
void multiply_chunk(const unsigned* words, const int* table, const T* weights, int steps, int part,
                    HaloSums<config>& sums) {
  for (int step = part; step < steps; step += config.split) {
    const int* rows = table + step * step_rows(config);
    const T* from = weights + step * step_weights(config);
    if constexpr (is_matrix(config))
      multiply_pairs<config>(words, rows, reinterpret_cast<const unsigned*>(from), sums);
    else
      multiply_floats<config>(reinterpret_cast<const float*>(words), rows, from, sums);
  }
}

}  // namespace convtune::cuda
