#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/cluster.cuh"
#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/device/registers.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/tma.cuh"
#include "kernels/cuda/warpgroup_gemm_config.hpp"
#include "kernels/cuda/warpgroup_gemm_multiply.cuh"
#include "kernels/cuda/warpgroup_gemm_store.cuh"
#include "kernels/cuda/warpgroup_gemm_tile.cuh"

namespace convtune::cuda {

// Conv1D as a matrix product of Hopper's warpgroups, for dense convolutions and wide groups.
//
//   y[n, t, co] = act(bias[co] + sum over k, ci of
//                     x[n, t*stride + k*dilation - pad_left, group(co)*Cin/G + ci] * w[k, ci, co])
//
//             NLC                                    NCL
//   y tile    positions x output channels            output channels x positions
//   A         x, rows of channels (k-major)          weights (k-major)
//   B         weights (k-major)                      x, rows of positions (mn-major)
//
// Neither layout is transposed anywhere. A step multiplies one tap of 128 bytes of input channels:
//
//   warpgroup 2, one thread      x: a 64 x 128 byte box a slab, at t*stride + k*dilation - pad_left
//     (producer)                 weights: one box, packed in the order of the steps
//        |  ring of stages       what lies outside x or the group arrives as zeros: the padding
//        v
//   warpgroups 0, 1              wgmma into registers; a stage is given back when the next one's
//     (consumers)                products have been started; then bias, activation and stores
//
// In NLC the box has one more side, over batch rows: a slab holds two short sequences of 17 to 32
// outputs, or four of up to 16. (The copy engine's im2col mode would fill slabs of any length,
// those of 33 to 63 outputs too, but it knows no groups: behind a group's last channels it reads
// the next group's, and zeros of the weights times infinities are not zero.)
//
// With shares_x (NLC, stride 1) a chunk of x comes once for all its taps: slabs of 64 positions and
// the halo behind them, in a ring of two tiles beside that of the weights.
//
// In a cluster, blocks take neighbouring length tiles of the same channels. Each loads its part of
// a step's weights and multicasts it to all: of tile_l + tile_c rows of 128 bytes a step, a block
// of two then loads tile_l + tile_c/2. (Channel tiles that share x would load tile_l/2 + tile_c:
// less only where tile_l > tile_c, and seldom with shares_x, where most of what comes is weights;
// and they need two channel tiles in a group, where nearly every layer has two length tiles.) A
// stage's parts come from all blocks, so that its consumers give it back to all.
//
// The grid has as many blocks as the GPU has SMs. Block b computes tiles b, b + blocks, ...; the
// producer runs ahead into the next tile while the consumers store. With two teams the consumers
// take turns with whole tiles: one stores while the other multiplies.

/// Starts the copies of what a tap reads of a chunk of x; with shares_x, of what all taps do.
template <WarpgroupGemmConfig config>
void load_x(const ConvShape<Int32>& shape, const TensorMaps& maps, const GemmTile& tile, int chunk,
            int tap, unsigned x, unsigned barrier) {
  CONVTUNE_UNROLL
  for (int s = 0; s < config.tile_l / slab; ++s) {
    const SlabPlace place = slab_place<config>(shape, tile.first_slab + s, 0);
    const int first = place.position * shape.stride + tap * shape.dilation - shape.pad_left;
    if constexpr (config.shares_x) {
      tma_load(x + static_cast<unsigned>(s * slab_bytes(config)), maps.x, barrier, 0, first,
               chunk * (chunk_bytes / piece_bytes), tile.group, place.batch);
    } else {
      const int channel = chunk * chunk_channels(config);
      const int copies = copies_per_slab(config, shape);
      for (int copy = 0; copy < copies; ++copy) {
        const int position = first + copy * (slab / copies) * shape.stride;
        const unsigned to =
            x + static_cast<unsigned>((s * copies + copy) * slab / copies * chunk_bytes);
        if constexpr (config.layout == Layout::NLC)
          tma_load(to, maps.x, barrier, channel, position, tile.group, place.batch);
        else
          tma_load(to, maps.x, barrier, position, channel, tile.group, place.batch);
      }
    }
  }
}

/// Starts the copy of a part of a step's weights; in a cluster that of some rows, for all its
/// blocks.
template <WarpgroupGemmConfig config>
void load_weights(const TensorMaps& maps, unsigned to, unsigned barrier, int index) {
  if constexpr (config.cluster > 1) {
    constexpr unsigned short all = (1 << config.cluster) - 1;
    const int row = static_cast<int>(cluster_rank()) * (config.tile_c / config.cluster);
    tma_multicast(to + static_cast<unsigned>(row * chunk_bytes), maps.weights, barrier, all, 0, row,
                  index);
  } else {
    tma_load(to, maps.weights, barrier, 0, 0, index);
  }
}

/// Starts the copies of one step, which arrive at ring.full(n).
template <WarpgroupGemmConfig config>
void load_step(const ConvShape<Int32>& shape, const TensorMaps& maps, const StageRing<config>& ring,
               const GemmTile& tile, int chunk, int tap, unsigned n) {
  wait_for_stage<config>(ring.empty(n), StageRing<config>::parity(n) ^ 1);
  mbarrier_arrive_expect(ring.full(n), stage_bytes(config));
  if constexpr (!config.shares_x)
    load_x<config>(shape, maps, tile, chunk, tap, ring.x(n), ring.full(n));
  constexpr int parts = weight_parts(config);
  const int step = tile.channel_tile * steps(config, shape) + chunk * shape.taps + tap;
  for (int part = 0; part < parts; ++part)
    load_weights<config>(maps, ring.weights(n, part), ring.full(n), step * parts + part);
}

/// Starts the copies of the shared tile of x that step n is the first to read.
template <WarpgroupGemmConfig config>
void load_shared_x(const ConvShape<Int32>& shape, const TensorMaps& maps,
                   const StageRing<config>& ring, const GemmTile& tile, int chunk, unsigned n) {
  const unsigned m = n / static_cast<unsigned>(shape.taps);
  mbarrier_wait(ring.x_empty(m), StageRing<config>::x_parity(m) ^ 1);
  mbarrier_arrive_expect(ring.x_full(m),
                         config.tile_l / slab * slab_rows(config, shape) * chunk_bytes);
  load_x<config>(shape, maps, tile, chunk, 0, ring.shared_x(m), ring.x_full(m));
}

template <WarpgroupGemmConfig config>
void produce(const ConvShape<Int32>& shape, const TensorMaps& maps, const StageRing<config>& ring) {
  const auto last = static_cast<unsigned>(tiles(config, shape));
  unsigned n = 0;
  for (unsigned index = block_index(); index < last; index += block_count()) {
    const GemmTile tile = gemm_tile<config>(shape, index);
    for (int chunk = 0; chunk < chunks(config, shape); ++chunk) {
      if constexpr (config.shares_x) load_shared_x(shape, maps, ring, tile, chunk, n);
      for (int tap = 0; tap < shape.taps; ++tap, ++n)
        load_step<config>(shape, maps, ring, tile, chunk, tap, n);
    }
  }
}

/// Adds the products of a block's tile `i` when it is the team's turn. Parities tell only
/// neighbouring rounds of the ring apart, so a team must not wait for a step before the other has
/// seen all steps before it.
template <WarpgroupGemmConfig config>
void multiply_in_turn(const ConvShape<Int32>& shape, const StageRing<config>& ring, unsigned i,
                      int team, int member, GemmSums<config>& sums) {
  const unsigned first = i * static_cast<unsigned>(steps(config, shape));
  if constexpr (config.teams == 1) {
    multiply_tile<config>(shape, ring, first, member, sums);
  } else {
    const int turn = static_cast<int>(i) / config.teams;
    mbarrier_wait(ring.turn(team), team == 0 ? (turn + 1) % 2 : turn % 2);
    multiply_tile<config>(shape, ring, first, member, sums);
    if (lane_index() == 0) mbarrier_arrive(ring.turn(1 - team));
  }
}

template <WarpgroupGemmConfig config>
void consume(const ConvArgs& args, const ConvShape<Int32>& shape, const StageRing<config>& ring) {
  const int warpgroup = warp_index() / 4;
  const int team = warpgroup / team_warpgroups(config);
  const int member = warpgroup % team_warpgroups(config);
  const int first_row = member * row_blocks(config) * row_block + warp_index() % 4 * patch_rows;
  const auto last = static_cast<unsigned>(tiles(config, shape));
  for (auto i = static_cast<unsigned>(team);; i += config.teams) {
    const unsigned index = block_index() + i * block_count();
    if (index >= last) break;
    GemmSums<config> sums = {};
    multiply_in_turn<config>(shape, ring, i, team, member, sums);
    store_sums<config>(args, shape, gemm_tile<config>(shape, index), first_row, sums);
  }
}

/// Makes the ring's barriers: a step is brought by one thread, and multiplied and given back by all
/// warps of a team, in each block of a cluster.
template <WarpgroupGemmConfig config>
void make_barriers(const StageRing<config>& ring) {
  if (thread_index() == 0) {
    for (unsigned n = 0; n < StageRing<config>::count; ++n) {
      mbarrier_init(ring.full(n), 1);
      mbarrier_init(ring.empty(n), 4 * team_warpgroups(config) * config.cluster);
    }
    for (int tile = 0; tile < shared_x_tiles(config); ++tile) {
      const auto m = static_cast<unsigned>(tile);
      mbarrier_init(ring.x_full(m), 1);
      mbarrier_init(ring.x_empty(m), 4 * team_warpgroups(config));
    }
    for (int team = 0; team < config.teams; ++team)
      mbarrier_init(ring.turn(team), 4 * team_warpgroups(config));
    mbarrier_init_fence();
  }
  if constexpr (config.cluster > 1)
    cluster_barrier();
  else
    block_barrier();
}

template <WarpgroupGemmConfig config>
void conv1d_warpgroup_gemm(const ConvArgs& args, const TensorMaps& maps) {
  static_assert(row_blocks(config) == 1 || row_blocks(config) == 2);
  static_assert(thread_sums(config) <= 128, "the sums fit a consumer's registers");
  const ConvShape<Int32> shape = shape_as<Int32>(args.shape);
  const StageRing<config> ring = {shared_address(shared_memory())};
  make_barriers(ring);
  if (warp_index() / 4 == gemm_consumers) {
    give_registers<40>();
    if (thread_index() == 128 * gemm_consumers) produce<config>(shape, maps, ring);
  } else {
    take_registers<232>();
    consume<config>(args, shape, ring);
  }
  // Until all have come here, others arrive at this block's barriers.
  if constexpr (config.cluster > 1) cluster_barrier();
}

}  // namespace convtune::cuda
