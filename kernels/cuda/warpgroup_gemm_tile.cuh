#pragma once

#include "kernels/cuda/device/cluster.cuh"
#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/warpgroup_gemm_config.hpp"

// What the producer and the consumers of conv1d_warpgroup_gemm agree on: the tiles of a block, and
// the ring of stages that hands operands over.

namespace convtune::cuda {

/// One tile of the output.
struct GemmTile {
  int first_slab;
  int channel_tile;  ///< of all groups
  int group;
  int group_channel;  ///< first channel, within the group
};

/// The blocks of a cluster have neighbouring length tiles. Then channel tiles come first, so that
/// blocks which run together share their window of x, while the weights stay in L2.
template <WarpgroupGemmConfig config>
GemmTile gemm_tile(const ConvShape<Int32>& shape, unsigned index) {
  const auto tile = static_cast<int>(index);
  const int along_c = channel_tiles(config, shape);
  const int along_group = tiles_per_group(config, shape);
  const int of_cluster = tile / config.cluster;
  const int along_l = of_cluster / along_c * config.cluster + tile % config.cluster;
  GemmTile at;
  at.first_slab = along_l * (config.tile_l / slab);
  at.channel_tile = of_cluster % along_c;
  at.group = at.channel_tile / along_group;
  at.group_channel = at.channel_tile % along_group * config.tile_c;
  return at;
}

/// Where a row of a slab lies.
struct SlabPlace {
  int batch;     ///< may lie behind the last
  int position;  ///< of the output; may lie behind the last of a strip
};
template <WarpgroupGemmConfig config>
SlabPlace slab_place(const ConvShape<Int32>& shape, int index, int row) {
  const int per_row = slabs_per_row(shape);
  const int positions = strip(config, shape);
  return {index / per_row * strips(config, shape) + row / positions,
          index % per_row * slab + row % positions};
}

/// A block's stages, used round and round: step n, counted over all tiles of the block, is in stage
/// n % stages. Names are shared addresses.
template <WarpgroupGemmConfig config>
struct StageRing {
  unsigned base;

  static constexpr unsigned count = stages(config);
  unsigned x(unsigned n) const { return base + n % count * stage_bytes(config); }
  /// tf32x3 has two parts: the weights rounded to TF32, and what that left off.
  unsigned weights(unsigned n, int part = 0) const {
    return x(n) + (config.shares_x ? 0 : x_tile_bytes(config)) +
           static_cast<unsigned>(part * weights_bytes(config));
  }
  /// Ends a phase when the operands of a step are there.
  unsigned full(unsigned n) const { return base + barriers_offset(config) + n % count * 8; }
  /// Ends a phase when they have been multiplied.
  unsigned empty(unsigned n) const { return full(n) + count * 8; }
  /// Tile m of x that taps share, counted likewise, and its barriers.
  unsigned shared_x(unsigned m) const {
    return base + shared_x_offset(config) + m % 2 * x_tile_bytes(config);
  }
  unsigned x_full(unsigned m) const { return full(0) + 8 * (2 * count + m % 2); }
  unsigned x_empty(unsigned m) const { return x_full(m) + 16; }
  /// Ends a phase when it is this team's turn to multiply, which the other's warps tell.
  unsigned turn(int team) const {
    return full(0) + 8 * (2 * count + 2 * shared_x_tiles(config) + static_cast<unsigned>(team));
  }
  static int parity(unsigned n) { return static_cast<int>(n / count % 2); }
  static int x_parity(unsigned m) { return static_cast<int>(m / 2 % 2); }
};

/// Waits at a barrier of a stage, where all blocks of the cluster bring bytes or arrive.
template <WarpgroupGemmConfig config>
void wait_for_stage(unsigned barrier, int parity) {
  if constexpr (config.cluster > 1)
    cluster_mbarrier_wait(barrier, parity);
  else
    mbarrier_wait(barrier, parity);
}

/// A warp gives a stage back: to all blocks that load a part of it.
template <WarpgroupGemmConfig config>
void give_back_stage(const StageRing<config>& ring, unsigned n) {
  const int lane = lane_index();
  if constexpr (config.cluster > 1) {
    if (lane < config.cluster)
      cluster_mbarrier_arrive(cluster_address(ring.empty(n), static_cast<unsigned>(lane)));
  } else {
    if (lane == 0) mbarrier_arrive(ring.empty(n));
  }
}

/// Where a step finds x. What taps share lies as [slab][16 bytes of channels][row][16 bytes],
/// without a swizzle, so that a tap is the same tile some rows further down.
struct StepX {
  unsigned at;  ///< shared address of its first row
  int rows;     ///< of a slab
};
template <WarpgroupGemmConfig config>
StepX step_x(const ConvShape<Int32>& shape, const StageRing<config>& ring, unsigned n) {
  if constexpr (config.shares_x) {
    const auto taps = static_cast<unsigned>(shape.taps);
    const int shift = static_cast<int>(n % taps) * shape.dilation;
    return {ring.shared_x(n / taps) + static_cast<unsigned>(shift * piece_bytes),
            slab_rows(config, shape)};
  } else {
    return {ring.x(n), slab};
  }
}

}  // namespace convtune::cuda
