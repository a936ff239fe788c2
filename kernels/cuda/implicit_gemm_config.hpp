#pragma once

// Seen by host and device, so that pruning, packing and kernel cannot disagree.

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// All that is baked into one instantiation of conv1d_implicit_gemm. Everything else is a run-time
/// argument.
struct ImplicitGemmConfig {
  DType dtype = DType::float16;
  Math math = Math::ieee;  ///< tf32 or tf32x3 with float32
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  int tile_l = 64;           ///< output positions a block: 32, 64, 128 or 256
  int tile_c = 64;           ///< output channels a block, all of one group: 32, 48, 64 or 128
  int row_bytes = 128;       ///< input channels of a step: 64 or 128 bytes
  int stages = 3;            ///< steps that are in shared memory at once
  bool shares_rows = false;  ///< whether the taps that can do read one tile of x
  bool joins_batch = false;  ///< whether a block's positions run on from one batch row to the next
  int split = 1;             ///< parts of a step's channels, each multiplied by warps of its own
  int cluster = 1;           ///< blocks that share the reduction of a tile: 1, 2, 4 or 8
  int vec_x = 1;             ///< elements of x a load: channels in NLC, positions in NCL
  int vec_y = 1;             ///< elements of y a store: likewise
  int index_bits = 32;       ///< width of positions and offsets

  bool operator==(const ImplicitGemmConfig&) const = default;
};

constexpr int element_bytes(ImplicitGemmConfig c) { return c.dtype == DType::float32 ? 4 : 2; }

/// Of a step's channels, what one mma multiplies.
constexpr int slice_bytes = 32;

/// Input channels of a step. The last of a group are filled up with zeros.
constexpr int step_channels(ImplicitGemmConfig c) { return c.row_bytes / element_bytes(c); }

/// Whether x goes to shared memory by asynchronous copies, which move at least 4 bytes and cannot
/// transpose. Otherwise it passes through registers.
constexpr bool copies_x(ImplicitGemmConfig c) {
  return c.layout == Layout::NLC && c.vec_x * element_bytes(c) >= 4;
}

/// A block's warps along the length and the channels, each with a tile of at most 64 by 64, of
/// multiples of 16: at least four, for the four schedulers of an SM, and where x passes through
/// registers, too few for much of it, one for every 16 positions.
struct WarpGrid {
  int along_l = 1;
  int along_c = 1;
};
constexpr WarpGrid warp_grid(ImplicitGemmConfig c) {
  const int fewest = copies_x(c) || c.tile_l <= 64 ? 4 : c.tile_l / 16;
  WarpGrid warps;
  int warp_l = c.tile_l, warp_c = c.tile_c;
  while (warps.along_l * warps.along_c < fewest || warp_l > 64 || warp_c > 64) {
    if (warp_l >= warp_c || warp_c % 32 != 0)
      warp_l /= 2, warps.along_l *= 2;
    else
      warp_c /= 2, warps.along_c *= 2;
  }
  return warps;
}
constexpr int threads(ImplicitGemmConfig c) {
  return 32 * warp_grid(c).along_l * warp_grid(c).along_c * c.split;
}

/// Pieces of x that a thread holds on their way through registers: each 16 bytes of channels by
/// vec_x positions (one in NLC). Those of all threads make tile_l rows at least.
constexpr int piece_length(ImplicitGemmConfig c) { return c.layout == Layout::NCL ? c.vec_x : 1; }
constexpr int pieces(ImplicitGemmConfig c) {
  return divide_up(c.tile_l * (c.row_bytes / 16), threads(c) * piece_length(c));
}
/// Registers that they take.
constexpr int passing_words(ImplicitGemmConfig c) {
  return pieces(c) * (16 / element_bytes(c)) * divide_up(piece_length(c) * element_bytes(c), 4);
}

/// Where in its row the 16 bytes `chunk` of a tile in shared memory lie: eight neighbouring rows
/// have theirs in different banks.
constexpr int swizzled_chunk(int row_bytes, int row, int chunk) {
  return chunk ^ (row / (128 / row_bytes) & (row_bytes / 16 - 1));
}

/// How the taps share tiles of x. Output t of tap k reads position t*stride + k*dilation: with g =
/// gcd(stride, dilation), tap k + stride/g reads for output t what tap k reads for output t +
/// dilation/g. So taps `period` apart read one tile, whose rows are positions `stride` apart, each
/// `shift` rows further down. Without sharing each tap has a tile of its own.
template <class Index>
struct TapSharing {
  Index period = 1;
  Index shift = 0;

  constexpr Index tiles(Index taps) const { return taps < period ? taps : period; }
  /// Taps of a tile: tile, tile + period, ...
  constexpr Index taps_of(Index tile, Index taps) const { return divide_up(taps - tile, period); }
};
template <class Index>
constexpr TapSharing<Index> tap_sharing(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  if (!c.shares_rows) return {.period = s.taps};
  Index common = s.stride, rest = s.dilation;
  while (rest != 0) {
    const Index next = common % rest;
    common = rest;
    rest = next;
  }
  return {.period = s.stride / common, .shift = s.dilation / common};
}

/// Rows that a tile of x has room for. Vectors along the length start at multiples of their size,
/// up to vec_x - 1 positions early.
template <class Index>
constexpr Index x_rows(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  const TapSharing<Index> sharing = tap_sharing(c, s);
  const Index early = c.layout == Layout::NCL ? c.vec_x - 1 : 0;
  const Index rows = c.tile_l + (sharing.taps_of(0, s.taps) - 1) * sharing.shift + early;
  return divide_up(rows, Index{8}) * 8;
}

/// Tiles of x in shared memory at once: those of `stages` steps in a row, or that in use and the
/// next.
template <class Index>
constexpr int x_tiles(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  const Index fewest_steps = s.taps / tap_sharing(c, s).tiles(s.taps);
  if (!copies_x(c)) return 2;
  return static_cast<int>(divide_up(Index{c.stages - 1}, fewest_steps)) + 1;
}

/// Shared memory holds the weights of `stages` steps and behind them the tiles of x; at the end the
/// sums of all parts but the first, then all sums, in rows that have 8 more than the tile lest they
/// begin in the same bank. `s` is the block's own part of the reduction (implicit_gemm_part.hpp).
constexpr int w_tile_bytes(ImplicitGemmConfig c) { return c.tile_c * c.row_bytes; }
constexpr int sum_rows(ImplicitGemmConfig c) {
  return c.layout == Layout::NLC ? c.tile_l : c.tile_c;
}
constexpr int sum_columns(ImplicitGemmConfig c) {
  return c.layout == Layout::NLC ? c.tile_c : c.tile_l;
}
constexpr int sum_pitch(ImplicitGemmConfig c) { return sum_columns(c) + 8; }
template <class Index>
constexpr Index shared_bytes(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  const Index inputs =
      Index{c.stages} * w_tile_bytes(c) + x_tiles(c, s) * x_rows(c, s) * c.row_bytes;
  const Index parts = Index{c.split - 1} * c.tile_l * c.tile_c * 4;
  const Index sums = Index{sum_rows(c)} * sum_pitch(c) * 4;
  const Index larger = parts > sums ? parts : sums;
  return inputs > larger ? inputs : larger;
}

/// Rows of outputs, and positions of each: with joins_batch (NLC) all are one row.
template <class Index>
constexpr Index output_rows(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return c.joins_batch ? 1 : s.batch;
}
template <class Index>
constexpr Index row_length(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return c.joins_batch ? s.batch * s.out_length : s.out_length;
}

/// The tiles of y are (row, length, group, channels), channels fastest, so that blocks which run
/// together share their tile of x. The grid has c.cluster neighbouring blocks for each.
template <class Index>
constexpr Index length_blocks(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(row_length(c, s), Index{c.tile_l});
}
template <class Index>
constexpr Index channel_blocks(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(s.out_channels, Index{c.tile_c});
}
template <class Index>
constexpr Index tiles(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return output_rows(c, s) * length_blocks(c, s) * s.groups * channel_blocks(c, s);
}
template <class Index>
constexpr Index blocks(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return tiles(c, s) * c.cluster;
}

/// Packed weights are [group][channel block][step's channels][tap], each a tile as shared memory
/// has it: tile_c rows of swizzled chunks, short ones filled up with zeros. Behind them, at
/// bias_offset bytes, is the bias as float32 [group][channel block][tile_c].
template <class Index>
constexpr Index channel_steps(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return divide_up(s.in_channels, Index{step_channels(c)});
}
template <class Index>
constexpr Index w_block_bytes(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return channel_steps(c, s) * s.taps * w_tile_bytes(c);
}
template <class Index>
constexpr Index bias_offset(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return s.groups * channel_blocks(c, s) * w_block_bytes(c, s);
}
template <class Index>
constexpr Index packed_bytes(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  return bias_offset(c, s) + s.groups * channel_blocks(c, s) * c.tile_c * 4;
}

/// Whether every index the kernel computes, those of its tails included, fits 32 bits.
constexpr bool fits_32_bits(ImplicitGemmConfig c, const ConvShape<Int64>& s) {
  const Int64 limit = 0x7fffffff;
  const Int64 last = length_blocks(c, s) * c.tile_l + x_rows(c, s);
  const Int64 channels = (channel_steps(c, s) + 1) * step_channels(c);
  const Int64 along_c = c.layout == Layout::NLC ? 1 : s.length;
  return s.batch * s.length * s.groups * s.in_channels <= limit &&
         s.batch * s.out_length * s.groups * s.out_channels <= limit &&
         packed_bytes(c, s) <= limit && blocks(c, s) <= limit && channels * along_c <= limit &&
         last <= limit && s.stride <= limit &&
         last * s.stride + 2 * s.taps * s.dilation + s.pad_left <= limit;
}

}  // namespace convtune::cuda
