#pragma once

// Seen by host and device, so that pruning, packing and kernel cannot disagree.

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// All that is baked into one instantiation of conv1d_warpgroup_gemm. Everything else is a run-time
/// argument.
struct WarpgroupGemmConfig {
  DType dtype = DType::float16;
  Math math = Math::ieee;  ///< tf32 or tf32x3 for float32
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  int tile_l = 128;       ///< output positions a tile
  int tile_c = 128;       ///< output channels a tile, all of one group
  int teams = 1;          ///< 1: both consumer warpgroups share a tile; 2: each has its own
  bool shares_x = false;  ///< NLC, stride 1: x comes once for all taps of a chunk, with its halo
  int cluster = 1;        ///< blocks that multiply by the same weights; each loads a part for all
  int vec_y = 1;          ///< elements of y a store

  bool operator==(const WarpgroupGemmConfig&) const = default;
};

/// The matrix product whose rows warpgroups take in blocks of 64: in both layouts its columns are
/// contiguous in y.
constexpr int tile_rows(WarpgroupGemmConfig c) {
  return c.layout == Layout::NLC ? c.tile_l : c.tile_c;
}
constexpr int tile_columns(WarpgroupGemmConfig c) {
  return c.layout == Layout::NLC ? c.tile_c : c.tile_l;
}

constexpr int gemm_consumers = 2;  ///< warpgroups that multiply; one more loads
constexpr int gemm_threads = 128 * (gemm_consumers + 1);
constexpr int row_block = 64;

/// Consumer warpgroups of a tile.
constexpr int team_warpgroups(WarpgroupGemmConfig c) { return gemm_consumers / c.teams; }
/// Blocks of 64 rows a consumer warpgroup, and the sums that each of its threads holds.
constexpr int row_blocks(WarpgroupGemmConfig c) {
  return tile_rows(c) / row_block / team_warpgroups(c);
}
constexpr int thread_sums(WarpgroupGemmConfig c) { return row_blocks(c) * tile_columns(c) / 2; }

/// A slab is 64 rows of x, the most that one copy brings: neighbouring positions of one batch row,
/// or a short strip of each of some. The slabs of all batch rows are numbered through, so that a
/// tile may span several.
constexpr int slab = 64;

/// A step of the reduction is one tap of a chunk of input channels, 128 bytes of them.
constexpr int chunk_bytes = 128;
/// What a row of an operand is made of.
constexpr int piece_bytes = 16;
constexpr int element_bytes(WarpgroupGemmConfig c) { return c.dtype == DType::float32 ? 4 : 2; }
constexpr int chunk_channels(WarpgroupGemmConfig c) { return chunk_bytes / element_bytes(c); }
/// Of them, those that one wgmma multiplies.
constexpr int product_bytes = 32;

/// Positions that a shared slab of x may reach beyond its 64.
constexpr int most_halo = 64;
constexpr int slab_bytes(WarpgroupGemmConfig c) {
  return (slab + (c.shares_x ? most_halo : 0)) * chunk_bytes;
}
constexpr int x_tile_bytes(WarpgroupGemmConfig c) { return c.tile_l / slab * slab_bytes(c); }
/// Tiles of x that have room of their own: the one that is multiplied and the next.
constexpr int shared_x_tiles(WarpgroupGemmConfig c) { return c.shares_x ? 2 : 0; }

/// Shared memory: stages of weights and, unless taps share it, x; tiles of x that they share; 4 KiB
/// for each warp that stores; two barriers a stage and a shared tile.
constexpr int weights_bytes(WarpgroupGemmConfig c) { return c.tile_c * chunk_bytes; }
constexpr int weight_parts(WarpgroupGemmConfig c) { return c.math == Math::tf32x3 ? 2 : 1; }
constexpr int weights_stage_bytes(WarpgroupGemmConfig c) {
  return weight_parts(c) * weights_bytes(c);
}
constexpr int stage_bytes(WarpgroupGemmConfig c) {
  return (c.shares_x ? 0 : x_tile_bytes(c)) + weights_stage_bytes(c);
}
constexpr int patches_bytes = gemm_consumers * 4 * 4096;
constexpr int stages(WarpgroupGemmConfig c) {
  constexpr int most_stages = 8;
  constexpr int block_limit = 227 * 1024;
  const int rest = patches_bytes + 8 * c.teams + shared_x_tiles(c) * (x_tile_bytes(c) + 16);
  const int fit = (block_limit - rest) / (stage_bytes(c) + 16);
  return fit < most_stages ? fit : most_stages;
}
constexpr int shared_x_offset(WarpgroupGemmConfig c) { return stages(c) * stage_bytes(c); }
constexpr int patches_offset(WarpgroupGemmConfig c) {
  return shared_x_offset(c) + shared_x_tiles(c) * x_tile_bytes(c);
}
constexpr int barriers_offset(WarpgroupGemmConfig c) { return patches_offset(c) + patches_bytes; }
constexpr int shared_bytes(WarpgroupGemmConfig c) {
  return barriers_offset(c) + 8 * (2 * stages(c) + 2 * shared_x_tiles(c) + c.teams);
}

/// Strips of a slab, each of another batch row. What taps share has a halo behind each 64, and NCL
/// has positions in rows of 128 bytes: there is one.
template <class Index>
constexpr int strips(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  if (c.shares_x || c.layout == Layout::NCL || s.out_length > slab / 2) return 1;
  return s.out_length > slab / 4 ? 2 : 4;
}
/// Positions of a strip: 16 at least, the rows that a warp stores together.
template <class Index>
constexpr int strip(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  const int count = strips(c, s);
  return count == 1 ? slab : count == 2 ? slab / 2 : slab / 4;  // without a division
}
template <class Index>
constexpr Index slabs_per_row(const ConvShape<Index>& s) {
  return divide_up(s.out_length, Index{slab});
}
/// Positions that arrive for a slab at once.
template <class Index>
constexpr Index slab_rows(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return slab + (c.shares_x ? (s.taps - 1) * s.dilation : 0);
}
template <class Index>
constexpr Index slabs(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(s.batch, Index{strips(c, s)}) * slabs_per_row(s);
}
/// Whole clusters have some: the last may lie behind all rows.
template <class Index>
constexpr Index length_tiles(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(slabs(c, s), Index{c.tile_l / slab * c.cluster}) * c.cluster;
}
/// Channel tiles: each group is cut into tiles of its own.
template <class Index>
constexpr Index tiles_per_group(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(s.out_channels, Index{c.tile_c});
}
template <class Index>
constexpr Index channel_tiles(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return s.groups * tiles_per_group(c, s);
}
template <class Index>
constexpr Index tiles(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return length_tiles(c, s) * channel_tiles(c, s);
}
template <class Index>
constexpr Index chunks(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(s.in_channels, Index{chunk_channels(c)});
}
template <class Index>
constexpr Index steps(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return chunks(c, s) * s.taps;
}
/// wgmmas along a chunk: the last one may be short.
template <class Index>
constexpr Index products_of_chunk(WarpgroupGemmConfig c, const ConvShape<Index>& s, Index chunk) {
  const Index left = (s.in_channels - chunk * chunk_channels(c)) * element_bytes(c);
  return divide_up(left < chunk_bytes ? left : Index{chunk_bytes}, Index{product_bytes});
}

/// Bytes that the copy engine reads for a chunk of a tile, zeros outside x included: what the other
/// blocks of a cluster bring is not.
template <class Index>
constexpr Index chunk_loads(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  const Index x =
      c.shares_x ? c.tile_l / slab * slab_rows(c, s) * chunk_bytes : s.taps * x_tile_bytes(c);
  return x + s.taps * (weights_stage_bytes(c) / c.cluster);
}

/// The copy engine steps over what a stride leaves out, but spans at most 256 positions: long
/// strides take two copies a slab.
template <class Index>
constexpr Index copies_per_slab(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return strip(c, s) * s.stride > 256 ? 2 : 1;
}

/// Packed weights are [channel tile][chunk][tap][part][tile_c][chunk channels], short ones filled
/// up with zeros, and behind them, at bias_offset bytes, the bias as float32 [channel
/// tile][tile_c].
template <class Index>
constexpr Index bias_offset(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return channel_tiles(c, s) * steps(c, s) * weights_stage_bytes(c);
}
template <class Index>
constexpr Index packed_bytes(WarpgroupGemmConfig c, const ConvShape<Index>& s) {
  return bias_offset(c, s) + channel_tiles(c, s) * c.tile_c * 4;
}

}  // namespace convtune::cuda
