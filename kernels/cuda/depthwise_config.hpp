#pragma once

// Seen by host and device, so that pruning, packing and kernel cannot disagree.

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// All that is baked into one instantiation of conv1d_depthwise. Everything else is a run-time
/// argument. A tile's window holds each element of x that its taps read once.
struct DepthwiseConfig {
  DType dtype = DType::float32;
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  int tile_l = 1;        ///< output positions of a tile
  int tiles = 1;         ///< tiles of a thread, computed one after the other
  int vec_x = 1;         ///< elements of x a load: channels in NLC, positions in NCL
  int vec_y = 1;         ///< elements of y a store: likewise
  int taps = 1;          ///< of a chunk: the weights that are in registers at once
  bool chunked = false;  ///< false: the kernel size is `taps`
  int step = 1;          ///< from one output of the tile to the next, in elements of the window
  int spacing = 1;       ///< from one tap to the next, likewise
  int common = 1;        ///< greatest common divisor of stride and dilation, if outputs share by it
  int index_bits = 32;   ///< width of positions and offsets

  bool operator==(const DepthwiseConfig&) const = default;
};

/// Threads of a block. They share nothing but the cache.
constexpr int depthwise_threads = 128;

/// Whether a tile is a piece of a row (NCL with vectors): neighbouring outputs over a window of
/// neighbouring elements. Otherwise it walks: its outputs are `classes` apart, the elements of its
/// window `dilation`.
constexpr bool is_piece(DepthwiseConfig c) { return c.layout == Layout::NCL && c.vec_y > 1; }

/// Output channels of a tile.
constexpr int lanes(DepthwiseConfig c) { return c.layout == Layout::NLC ? c.vec_y : 1; }

/// Elements of the window, each of `lanes` channels.
constexpr int window_size(DepthwiseConfig c) {
  return (c.tile_l - 1) * c.step + (c.taps - 1) * c.spacing + 1;
}

/// Aligned vectors that cover the window of a piece, wherever it starts.
constexpr int window_vectors(DepthwiseConfig c) {
  return divide_up(window_size(c) + c.vec_x - 1, c.vec_x);
}

/// The same kernel for a chunk of one tap: what a division of the taps into chunks leaves over.
constexpr DepthwiseConfig one_tap(DepthwiseConfig c) {
  c.taps = 1;
  return c;
}

/// Outputs that read the same elements of x lie in one class of positions modulo this.
template <class Index>
constexpr Index classes(DepthwiseConfig c, const ConvShape<Index>& s) {
  return is_piece(c) || c.tile_l == 1 ? 1 : s.dilation / c.common;
}

/// Tiles along a row, of one class. Rows of y that start between two vectors begin with a piece
/// that lies partly before the row.
template <class Index>
constexpr Index length_tiles(DepthwiseConfig c, const ConvShape<Index>& s) {
  const Index before = is_piece(c) && s.out_length % c.vec_y != 0 ? c.vec_y - 1 : 0;
  return divide_up(divide_up(s.out_length, classes(c, s)) + before, Index{c.tile_l});
}

/// Threads along a row, of one class: a thread's tiles are this many apart.
template <class Index>
constexpr Index length_parts(DepthwiseConfig c, const ConvShape<Index>& s) {
  return divide_up(length_tiles(c, s), Index{c.tiles});
}

/// Threads that have work: (batch, part, class, channels) in NLC, (batch, channel, part, class) in
/// NCL, the last fastest, so that neighbouring threads touch neighbouring memory.
template <class Index>
constexpr Index busy_threads(DepthwiseConfig c, const ConvShape<Index>& s) {
  return s.batch * (s.groups * s.out_channels / lanes(c)) * classes(c, s) * length_parts(c, s);
}
template <class Index>
constexpr Index blocks(DepthwiseConfig c, const ConvShape<Index>& s) {
  return divide_up(busy_threads(c, s), Index{depthwise_threads});
}

/// Packed weights are [tap][channel] in NLC. In NCL they are [channel][weight_row]: chunks of
/// `taps`, each filled up with zeros to whole vectors of weight_vector, then the taps left over,
/// filled up likewise.
constexpr int weight_vector(DepthwiseConfig c) {
  const int widest = c.dtype == DType::float32 ? 4 : 8;
  int vector = 1;
  while (vector < c.taps && vector < widest) vector *= 2;
  return vector;
}
constexpr int weight_chunk(DepthwiseConfig c) {
  return divide_up(c.taps, weight_vector(c)) * weight_vector(c);
}
template <class Index>
constexpr Index weight_row(DepthwiseConfig c, const ConvShape<Index>& s) {
  const Index left = s.taps % c.taps;
  return s.taps / c.taps * weight_chunk(c) +
         divide_up(left, Index{weight_vector(c)}) * weight_vector(c);
}
template <class Index>
constexpr Index packed_weights(DepthwiseConfig c, const ConvShape<Index>& s) {
  return s.groups * s.out_channels * (c.layout == Layout::NLC ? s.taps : weight_row(c, s));
}

/// Behind the weights lies the bias as float32.
template <class Index>
constexpr Index bias_offset(DepthwiseConfig c, const ConvShape<Index>& s) {
  const Index element = c.dtype == DType::float32 ? 4 : 2;
  return divide_up(packed_weights(c, s) * element, Index{16}) * 16;
}
template <class Index>
constexpr Index packed_bytes(DepthwiseConfig c, const ConvShape<Index>& s) {
  return bias_offset(c, s) + s.groups * s.out_channels * 4;
}

/// Whether every index the kernel computes, those of its tails included, fits 32 bits.
constexpr bool fits_32_bits(DepthwiseConfig c, const ConvShape<Int64>& s) {
  const Int64 limit = 0x7fffffff;
  const Int64 last = (length_parts(c, s) * c.tiles + 1) * c.tile_l * classes(c, s);
  const Int64 reach =
      (last + c.vec_y) * s.stride + s.taps * s.dilation + s.pad_left + window_size(c) + c.vec_x;
  const Int64 along_l = c.layout == Layout::NLC ? s.groups * s.out_channels : 1;
  return s.batch * s.length * s.groups <= limit &&
         s.batch * s.out_length * s.groups * s.out_channels <= limit &&
         packed_bytes(c, s) <= limit && (blocks(c, s) + 1) * depthwise_threads <= limit &&
         reach <= limit / along_l;
}

}  // namespace convtune::cuda
