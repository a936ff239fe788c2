#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/warpgroup_gemm_multiply.cuh"
#include "kernels/cuda/warpgroup_gemm_tile.cuh"

namespace convtune::cuda {

// How a warp stores its sums: by patches of 16 rows x 64 columns, which it passes through its own
// part of shared memory, so that eight lanes store a row side by side, 16 bytes each where y's
// alignment permits. Bias and activation come on the way out, when few values are at hand.

constexpr int patch_rows = 16;
constexpr int patch_columns = 64;

/// The part of y that a patch covers. Rows and columns may lie outside.
template <class T>
struct GemmPatch {
  T* y;               ///< its first element
  Int64 pitch;        ///< elements from row to row
  int rows, columns;  ///< that lie inside y; may be negative, or more than a patch has
  const float* bias;  ///< of its first row or column
};

/// `row` and `column` count from the tile's first.
template <WarpgroupGemmConfig config>
GemmPatch<Element<config.dtype>> gemm_patch(const ConvArgs& args, const ConvShape<Int32>& shape,
                                            const GemmTile& tile, int row, int column) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const int along_l = nlc ? row : column;
  const int along_c = nlc ? column : row;
  const SlabPlace place =
      slab_place<config>(shape, tile.first_slab + along_l / slab, along_l % slab);
  const int positions = place.batch < shape.batch ? shape.out_length - place.position : 0;
  const int channels = shape.out_channels - tile.group_channel - along_c;
  const Int64 all_channels = Int64{shape.groups} * shape.out_channels;
  const Int64 channel = Int64{tile.group} * shape.out_channels + tile.group_channel + along_c;
  const char* const packed_bias =
      static_cast<const char*>(args.packed) + bias_offset(config, args.shape);
  const float* const bias = reinterpret_cast<const float*>(packed_bias) +
                            Int64{tile.channel_tile} * config.tile_c + along_c;
  auto* const y = static_cast<Element<config.dtype>*>(args.y);
  if constexpr (nlc)
    return {y + (Int64{place.batch} * shape.out_length + place.position) * all_channels + channel,
            all_channels, positions, channels, bias};
  else
    return {y + (place.batch * all_channels + channel) * shape.out_length + place.position,
            shape.out_length, channels, positions, bias};
}

/// Where an element of a patch lies in shared memory: its 16-byte chunk is moved so that neither
/// the pairs of a column of wgmma's fragments nor the vectors of a row share banks.
inline int in_patch(int row, int column) {
  const int chunk = column / 4;
  return row * patch_columns + (chunk ^ row % 4 * 2 ^ chunk / 8) * 4 + column % 4;
}

/// sums[i] of lane 4g + t is row g + i/2%2*8, column 2t + i%2 + i/4*8.
inline void put_patch(const float* sums, float* patch) {
  CONVTUNE_UNROLL
  for (int i = 0; i < patch_columns / 2; i += 2) {
    const int row = lane_index() / 4 + i / 2 % 2 * 8;
    const int column = i / 4 * 8 + lane_index() % 4 * 2;
    store_shared(patch + in_patch(row, column), Vector<float, 2>{{sums[i], sums[i + 1]}});
  }
}

/// The bias of `count` neighbouring columns of a row.
template <WarpgroupGemmConfig config, int count, class T>
Vector<float, count> patch_bias(const GemmPatch<T>& patch, int row, int column) {
  if constexpr (config.layout == Layout::NLC) {
    return load<count>(patch.bias + column);
  } else {
    Vector<float, count> bias;
    CONVTUNE_UNROLL
    for (int i = 0; i < count; ++i) bias.at[i] = load<1>(patch.bias + row).at[0];
    return bias;
  }
}

template <WarpgroupGemmConfig config, class T>
void store_patch(const GemmPatch<T>& to, const float* patch) {
  constexpr int vec = config.vec_y;
  constexpr int quad = vec < 4 ? vec : 4;
  constexpr int row_vectors = patch_columns / vec;
  for (int i = lane_index(); i < patch_rows * row_vectors; i += warp_threads) {
    const int row = i / row_vectors, column = i % row_vectors * vec;
    float values[vec];
    CONVTUNE_UNROLL
    for (int v = 0; v < vec; v += quad) {
      const auto sums = load_shared<quad>(patch + in_patch(row, column + v));
      const auto bias = patch_bias<config, quad>(to, row, column + v);
      CONVTUNE_UNROLL
      for (int j = 0; j < quad; ++j)
        values[v + j] = activate<config.activation>(sums.at[j] + bias.at[j]);
    }
    if (row < to.rows && column < to.columns)
      store(to.y + (row * to.pitch + column), rounded<T>(values));
  }
}

/// `first_row` is the warp's first in its first block.
template <WarpgroupGemmConfig config>
void store_sums(const ConvArgs& args, const ConvShape<Int32>& shape, const GemmTile& tile,
                int first_row, const GemmSums<config>& sums) {
  auto* const patches = reinterpret_cast<float*>(shared_memory() + patches_offset(config));
  float* const patch = patches + warp_index() * (patch_rows * patch_columns);
  CONVTUNE_UNROLL
  for (int block = 0; block < row_blocks(config); ++block) {
    CONVTUNE_UNROLL
    for (int column = 0; column < tile_columns(config); column += patch_columns) {
      put_patch(sums[block] + column / 2, patch);
      warp_barrier();
      store_patch<config>(
          gemm_patch<config>(args, shape, tile, first_row + block * row_block, column), patch);
      warp_barrier();
    }
  }
}

}  // namespace convtune::cuda
