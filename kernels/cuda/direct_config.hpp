#pragma once

// Seen by host and device, so that pruning, packing and kernel cannot disagree.

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// All that is baked into one instantiation of conv1d_direct. Everything else is a run-time
/// argument.
struct DirectConfig {
  DType dtype = DType::float32;
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  int tile_l = 1;       ///< output positions a thread
  int tile_c = 1;       ///< output channels a thread, all of one group
  int threads = 128;    ///< a block
  int block_c = 1;      ///< threads of a block along the channels; the others lie along the length
  int vec_x = 1;        ///< elements of x a load: channels in NLC, positions in NCL
  int vec_y = 1;        ///< elements of y a store: likewise
  int taps = 0;         ///< kernel size if baked in, 0 for a run-time loop
  int index_bits = 32;  ///< width of positions and offsets

  bool operator==(const DirectConfig&) const = default;
};

/// Threads of a block along the length.
constexpr int block_l(DirectConfig c) { return c.threads / c.block_c; }

/// Neighbouring output positions of a thread. Its tile is made of such runs, block_l runs apart, so
/// that neighbouring threads touch neighbouring memory.
constexpr int run(DirectConfig c) {
  if (c.layout == Layout::NLC) return 1;
  return c.vec_x > c.vec_y ? c.vec_x : c.vec_y;
}

/// Input channels of one step of the inner loop.
constexpr int step_channels(DirectConfig c) { return c.layout == Layout::NLC ? c.vec_x : 1; }

/// Channel tiles: each group is cut into tiles of its own.
template <class Index>
constexpr Index tiles_per_group(DirectConfig c, const ConvShape<Index>& s) {
  return divide_up(s.out_channels, Index{c.tile_c});
}
template <class Index>
constexpr Index channel_tiles(DirectConfig c, const ConvShape<Index>& s) {
  return s.groups * tiles_per_group(c, s);
}

/// The grid is (batch, length, channels), channels fastest, so that blocks which run together share
/// their window of x.
template <class Index>
constexpr Index channel_blocks(DirectConfig c, const ConvShape<Index>& s) {
  return divide_up(channel_tiles(c, s), Index{c.block_c});
}
template <class Index>
constexpr Index length_blocks(DirectConfig c, const ConvShape<Index>& s) {
  return divide_up(s.out_length, Index{block_l(c) * c.tile_l});
}
template <class Index>
constexpr Index blocks(DirectConfig c, const ConvShape<Index>& s) {
  return s.batch * length_blocks(c, s) * channel_blocks(c, s);
}

/// Packed weights are [channel tile][tap][input channel][tile_c], short tiles filled up with zeros,
/// and behind them, at bias_offset bytes, the bias as float32 [channel tile][tile_c].
template <class Index>
constexpr Index packed_weights(DirectConfig c, const ConvShape<Index>& s) {
  return channel_tiles(c, s) * s.taps * s.in_channels * c.tile_c;
}
template <class Index>
constexpr Index bias_offset(DirectConfig c, const ConvShape<Index>& s) {
  const Index element = c.dtype == DType::float32 ? 4 : 2;
  return divide_up(packed_weights(c, s) * element, Index{16}) * 16;
}
template <class Index>
constexpr Index packed_bytes(DirectConfig c, const ConvShape<Index>& s) {
  return bias_offset(c, s) + channel_tiles(c, s) * c.tile_c * 4;
}

/// Whether every index the kernel computes, those of its tails included, fits 32 bits.
constexpr bool fits_32_bits(DirectConfig c, const ConvShape<Int64>& s) {
  const Int64 limit = 0x7fffffff;
  const Int64 last = length_blocks(c, s) * block_l(c) * c.tile_l;
  return s.batch * s.length * s.groups * s.in_channels <= limit &&
         s.batch * s.out_length * s.groups * s.out_channels <= limit &&
         packed_bytes(c, s) <= limit && blocks(c, s) <= limit &&
         last * s.stride + s.taps * s.dilation + s.pad_left <= limit &&
         (channel_blocks(c, s) + 1) * c.block_c * c.tile_c <= limit;
}

}  // namespace convtune::cuda
