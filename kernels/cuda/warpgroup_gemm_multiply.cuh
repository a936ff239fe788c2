#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/tf32.cuh"
#include "kernels/cuda/device/wgmma.cuh"
#include "kernels/cuda/warpgroup_gemm_tile.cuh"

namespace convtune::cuda {

// How a consumer warpgroup multiplies what the ring brings. 16-bit operands both come from shared
// memory. float32 ones must be rounded to TF32, for wgmma cuts them off: the weights are when they
// are packed, x on its way through registers.

/// A thread's sums of the tile: blocks of 64 rows, wgmma's order within.
template <WarpgroupGemmConfig config>
using GemmSums = float[row_blocks(config)][tile_columns(config) / 2];

constexpr int swizzle_atom = 8 * chunk_bytes;

/// The first row of a block of 64, of those that `member` of a team multiplies.
template <WarpgroupGemmConfig config>
constexpr int block_row(int member, int block) {
  return (member * row_blocks(config) + block) * row_block;
}

/// Product `i` of step n, B's side.
template <WarpgroupGemmConfig config>
unsigned long long columns_of(const StageRing<config>& ring, unsigned n, int i, int part = 0) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const unsigned operand = nlc ? ring.weights(n, part) : ring.x(n);
  const int offset = i * (nlc ? product_bytes : 2 * swizzle_atom);
  return matrix_descriptor(operand + static_cast<unsigned>(offset), slab * chunk_bytes,
                           swizzle_atom, Swizzle::bytes_128);
}

/// Product `i` of a step for 64 rows of A, from `row` on.
template <WarpgroupGemmConfig config>
unsigned long long rows_of(const StageRing<config>& ring, unsigned n, const StepX& x, int row,
                           int i) {
  if constexpr (config.shares_x) {
    const int apart = x.rows * piece_bytes;
    const int offset = row / slab * slab_bytes(config) + i * (product_bytes / piece_bytes) * apart;
    return matrix_descriptor(x.at + static_cast<unsigned>(offset), apart, 8 * piece_bytes,
                             Swizzle::none);
  } else {
    const unsigned rows = config.layout == Layout::NLC ? x.at : ring.weights(n);
    return matrix_descriptor(rows + static_cast<unsigned>(row * chunk_bytes + i * product_bytes), 0,
                             swizzle_atom, Swizzle::bytes_128);
  }
}

/// Byte of a chunk's row `row` in shared memory, from the step's x on.
template <WarpgroupGemmConfig config>
unsigned row_byte(const StepX& x, int row, int byte) {
  if constexpr (config.shares_x) {
    const int piece = byte / piece_bytes * x.rows + row % slab;
    return static_cast<unsigned>(row / slab * slab_bytes(config) + piece * piece_bytes +
                                 byte % piece_bytes);
  } else {
    return swizzled(static_cast<unsigned>(row * chunk_bytes + byte), Swizzle::bytes_128);
  }
}

/// sums += product `i` of step n, for 16-bit types.
template <WarpgroupGemmConfig config>
void multiply(const StageRing<config>& ring, unsigned n, const StepX& x, int member, int i,
              GemmSums<config>& sums) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr Major b_major = nlc ? Major::k : Major::mn;
  CONVTUNE_UNROLL
  for (int block = 0; block < row_blocks(config); ++block)
    wgmma<config.dtype, tile_columns(config), b_major>(
        sums[block], rows_of(ring, n, x, block_row<config>(member, block), i),
        columns_of<config>(ring, n, i));
}

/// x of a step in mma's fragments (device/matrix.cuh), in the parts that weights have.
template <WarpgroupGemmConfig config, int products>
using StepRows = unsigned[weight_parts(config)][products][row_blocks(config)][4];

/// Loads product `i` of a step.
template <WarpgroupGemmConfig config, int products>
void load_rows(const StageRing<config>& ring, const StepX& x, int member, int i,
               StepRows<config, products>& parts) {
  const char* const from = shared_memory() + (x.at - ring.base);
  CONVTUNE_UNROLL
  for (int block = 0; block < row_blocks(config); ++block) {
    CONVTUNE_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int row =
          block_row<config>(member, block) + warp_index() % 4 * 16 + lane_index() / 4 + j % 2 * 8;
      const int byte = i * product_bytes + (lane_index() % 4 + j / 2 * 4) * 4;
      const auto* const at = reinterpret_cast<const float*>(from + row_byte<config>(x, row, byte));
      const SplitTf32 split = split_tf32(load_shared<1>(at).at[0]);
      parts[0][i][block][j] = split.big;
      if constexpr (config.math == Math::tf32x3) parts[1][i][block][j] = split.small;
    }
  }
}

/// sums += product `i` of step n, for float32. Small terms come first.
template <WarpgroupGemmConfig config, int products>
void multiply(const StageRing<config>& ring, unsigned n, int i,
              const StepRows<config, products>& parts, GemmSums<config>& sums) {
  constexpr int columns = tile_columns(config);
  CONVTUNE_UNROLL
  for (int block = 0; block < row_blocks(config); ++block) {
    const auto weights = columns_of<config>(ring, n, i);
    if constexpr (config.math == Math::tf32x3) {
      wgmma<config.dtype, columns>(sums[block], parts[1][i][block], weights);
      wgmma<config.dtype, columns>(sums[block], parts[0][i][block],
                                   columns_of<config>(ring, n, i, 1));
    }
    wgmma<config.dtype, columns>(sums[block], parts[0][i][block], weights);
  }
}

/// Starts the first `products` of step n.
template <WarpgroupGemmConfig config, int products>
void start_step(const ConvShape<Int32>& shape, const StageRing<config>& ring, unsigned n,
                int member, GemmSums<config>& sums) {
  const StepX x = step_x(shape, ring, n);
  if constexpr (config.dtype != DType::float32) {
    wgmma_fence(sums);
    CONVTUNE_UNROLL
    for (int i = 0; i < products; ++i) multiply(ring, n, x, member, i, sums);
  } else {
    StepRows<config, products> parts;
    CONVTUNE_UNROLL
    for (int i = 0; i < products; ++i) load_rows<config, products>(ring, x, member, i, parts);
    wgmma_fence(sums, parts);
    CONVTUNE_UNROLL
    for (int i = 0; i < products; ++i) multiply<config, products>(ring, n, i, parts, sums);
  }
  wgmma_commit();
}

/// Adds `count` steps from the ring's step n on, each of `products` products, and gives each back.
/// 16-bit products run on while the next step's are started; those of float32 hold the registers
/// that the next step's x needs.
template <WarpgroupGemmConfig config, int products>
void multiply_steps(const ConvShape<Int32>& shape, const StageRing<config>& ring, unsigned n,
                    int count, int member, GemmSums<config>& sums) {
  const auto taps = static_cast<unsigned>(shape.taps);
  constexpr int pending = config.dtype == DType::float32 ? 0 : 1;
  const auto give_back = [&](unsigned step) {
    if constexpr (config.dtype == DType::float32) warp_barrier();  // all lanes have read x
    give_back_stage(ring, step);
    if (config.shares_x && lane_index() == 0 && step % taps == taps - 1)
      mbarrier_arrive(ring.x_empty(step / taps));
  };
  for (int i = 0; i < count; ++i, ++n) {
    if (config.shares_x && n % taps == 0)
      mbarrier_wait(ring.x_full(n / taps), StageRing<config>::x_parity(n / taps));
    wait_for_stage<config>(ring.full(n), StageRing<config>::parity(n));
    start_step<config, products>(shape, ring, n, member, sums);
    wgmma_wait<pending>(sums);
    if (i >= pending) give_back(n - pending);
  }
  wgmma_wait<0>(sums);
  if (pending > 0 && count > 0) give_back(n - 1);
}

/// Adds a tile's products, of which the ring's step n is the first.
template <WarpgroupGemmConfig config>
void multiply_tile(const ConvShape<Int32>& shape, const StageRing<config>& ring, unsigned n,
                   int member, GemmSums<config>& sums) {
  constexpr int all = chunk_bytes / product_bytes;
  const int last_chunk = chunks(config, shape) - 1;
  const int in_last = products_of_chunk(config, shape, last_chunk);
  const int full_steps = (in_last == all ? last_chunk + 1 : last_chunk) * shape.taps;
  multiply_steps<config, all>(shape, ring, n, full_steps, member, sums);
  n += static_cast<unsigned>(full_steps);
  if (in_last == 1) multiply_steps<config, 1>(shape, ring, n, shape.taps, member, sums);
  if (in_last == 2) multiply_steps<config, 2>(shape, ring, n, shape.taps, member, sums);
  if (in_last == 3) multiply_steps<config, 3>(shape, ring, n, shape.taps, member, sums);
}

}  // namespace convtune::cuda
