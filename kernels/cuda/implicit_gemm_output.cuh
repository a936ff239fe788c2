#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/cluster.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/implicit_gemm_products.cuh"

namespace convtune::cuda {

// How conv1d_implicit_gemm finishes the sums of a block and stores them: through shared memory, so
// that y is written row by row with the widest vectors that its rows permit. Each step begins at a
// barrier, behind which the shared memory of the one before is free. The blocks of a cluster finish
// a tile together.

/// `count` floats; their address is aligned to all of them, or to 16 bytes.
template <int count>
void load_shared_floats(const float* from, float (&values)[count]) {
  constexpr int vec = smaller(count, 4);
  CONVTUNE_UNROLL
  for (int i = 0; i < count; i += vec) {
    const auto vector = load_shared<vec>(from + i);
    CONVTUNE_UNROLL
    for (int j = 0; j < vec; ++j) values[i + j] = vector.at[j];
  }
}

/// Adds the sums of all parts of the channels, in order, to those of part 0.
template <ImplicitGemmConfig config>
void add_parts(const WarpTile<config>& warp, GemmSums<config>& sums) {
  constexpr int part_threads = threads(config) / config.split;
  constexpr int columns = WarpTile<config>::columns / 8;
  constexpr int fragments = WarpTile<config>::rows / 16 * columns;
  auto* const shared = reinterpret_cast<float*>(shared_memory());
  const int thread = static_cast<int>(thread_index()) % part_threads;
  const auto place = [&](int part, int fragment) {
    return shared + (((part - 1) * fragments + fragment) * part_threads + thread) * 4;
  };

  block_barrier();
  if (warp.part > 0) {
    CONVTUNE_UNROLL
    for (int f = 0; f < fragments; ++f) {
      const auto& sum = sums.at[f / columns][f % columns];
      store_shared(place(warp.part, f), Vector<float, 4>{{sum[0], sum[1], sum[2], sum[3]}});
    }
  }
  block_barrier();
  if (warp.part > 0) return;
  CONVTUNE_UNROLL
  for (int part = 1; part < config.split; ++part) {
    CONVTUNE_UNROLL
    for (int f = 0; f < fragments; ++f) {
      const auto other = load_shared<4>(place(part, f));
      CONVTUNE_UNROLL
      for (int i = 0; i < 4; ++i) sums.at[f / columns][f % columns][i] += other.at[i];
    }
  }
}

/// Leaves the block's sums in shared memory, row by row.
template <ImplicitGemmConfig config>
void gather_sums(const WarpTile<config>& warp, const GemmSums<config>& sums) {
  block_barrier();
  if (warp.part > 0) return;
  auto* const shared = reinterpret_cast<float*>(shared_memory());
  CONVTUNE_UNROLL
  for (int r = 0; r < WarpTile<config>::rows / 8; ++r) {
    const int row = warp.row + 8 * r + lane_index() / 4;
    CONVTUNE_UNROLL
    for (int c = 0; c < WarpTile<config>::columns / 8; ++c) {
      const int column = warp.column + 8 * c + lane_index() % 4 * 2;
      const float* const sum = sums.at[r / 2][c] + r % 2 * 2;
      store_shared(shared + row * sum_pitch(config) + column, Vector<float, 2>{{sum[0], sum[1]}});
    }
  }
}

/// `count` sums of the tile from element `at` of shared memory on, those of all blocks of the
/// cluster added in the order of their ranks.
template <ImplicitGemmConfig config, int count>
void load_sums(int at, float (&sums)[count]) {
  const auto* const shared = reinterpret_cast<const float*>(shared_memory());
  if constexpr (config.cluster == 1) {
    load_shared_floats(shared + at, sums);
  } else {
    constexpr int vec = smaller(count, 4);
    for (float& sum : sums) sum = 0;
    CONVTUNE_UNROLL
    for (unsigned rank = 0; rank < config.cluster; ++rank) {
      const unsigned from = cluster_address(shared_address(shared + at), rank);
      CONVTUNE_UNROLL
      for (int i = 0; i < count; i += vec) {
        const auto part = cluster_load<float, vec>(from + i * sizeof(float));
        CONVTUNE_UNROLL
        for (int j = 0; j < vec; ++j) sums[i + j] += part.at[j];
      }
    }
  }
}

/// Where a block's tile of y goes: its rows are positions in NLC, channels in NCL.
template <class Index, class T>
struct GemmOutput {
  T* y;               ///< the tile's first element
  const float* bias;  ///< of the tile's channels
  Index along_rows;   ///< elements from one row to the next
  Index rows;         ///< that y has, from the tile's first
  Index columns;      ///< likewise
};

/// Adds the bias, activates, rounds and stores what lies inside y; in a cluster each block does so
/// with its share of the vectors.
template <ImplicitGemmConfig config, class Index, class T>
void store_y(const GemmOutput<Index, T>& out) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int vec = config.vec_y;
  constexpr int vectors = sum_columns(config) / vec;  // a row
  auto first = static_cast<int>(thread_index());
  if constexpr (config.cluster == 1) {
    block_barrier();
  } else {
    first += static_cast<int>(cluster_rank()) * threads(config);
    cluster_barrier();
  }
  for (int i = first; i < sum_rows(config) * vectors; i += threads(config) * config.cluster) {
    const int row = i / vectors, column = i % vectors * vec;
    if (row >= out.rows || column >= out.columns) continue;
    float bias[nlc ? vec : 1];
    load_floats(out.bias + (nlc ? column : row), bias);
    float values[vec];
    load_sums<config>(row * sum_pitch(config) + column, values);
    CONVTUNE_UNROLL
    for (int v = 0; v < vec; ++v)
      values[v] = activate<config.activation>(values[v] + bias[nlc ? v : 0]);
    store(out.y + (row * out.along_rows + column), rounded<T>(values));
  }
}

}  // namespace convtune::cuda
