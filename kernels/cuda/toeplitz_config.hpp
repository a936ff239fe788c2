#pragma once

// Seen by host and device, so that pruning, packing and kernel cannot disagree.

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// All that is baked into one instantiation of conv1d_toeplitz. Everything else is a run-time
/// argument.
struct ToeplitzConfig {
  DType dtype = DType::float16;
  Math math = Math::ieee;  ///< tf32 or tf32x3 with float32
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  int tile_l = 128;     ///< outputs of a row of y that a block computes
  int tile_c = 4;       ///< rows of y a block
  int step = 1;         ///< from one output of a row to the next, in elements of a row of x
  bool across = true;   ///< whether vectors lie across the rows, not along them
  int vec_x = 1;        ///< elements of x a load
  int vec_y = 1;        ///< elements of y a store
  int index_bits = 32;  ///< width of positions and offsets

  bool operator==(const ToeplitzConfig&) const = default;
};

constexpr int toeplitz_warps = 4;
constexpr int toeplitz_threads = toeplitz_warps * 32;

/// Rows of a Toeplitz matrix, outputs side by side, and its columns that one step multiplies.
constexpr int toeplitz_side = 16;
/// Outputs of one product: each of the 8 columns of an mma is a segment of toeplitz_side outputs.
constexpr int toeplitz_piece = 8 * toeplitz_side;
constexpr int pieces(ToeplitzConfig c) { return c.tile_l / toeplitz_piece; }

constexpr int element_bytes(ToeplitzConfig c) { return c.dtype == DType::float32 ? 4 : 2; }
constexpr int widest_vector(ToeplitzConfig c) { return 16 / element_bytes(c); }

/// Outputs that read the same positions of x lie in one class of positions modulo dilation / g,
/// with g = gcd(stride, dilation) = stride / step. A sequence is one class of one group; it has a
/// row of x for each input channel of the group, and a row of y for each output channel. Sequences
/// that are neighbours in memory are neighbours: (class, group) in NLC, (group, class) in NCL, the
/// last fastest.
template <class Index>
constexpr Index classes(ToeplitzConfig c, const ConvShape<Index>& s) {
  return s.dilation * c.step / s.stride;
}
template <class Index>
constexpr Index sequences(ToeplitzConfig c, const ConvShape<Index>& s) {
  return s.groups * classes(c, s);
}

/// Sequences that a block's rows of y may belong to.
template <class Index>
constexpr Index block_sequences(ToeplitzConfig c, const ConvShape<Index>& s) {
  if (c.tile_c % s.out_channels == 0) return c.tile_c / s.out_channels;
  return s.out_channels % c.tile_c == 0 ? 1 : (c.tile_c - 2) / s.out_channels + 2;
}

/// The grid is (batch, length, rows of y), rows fastest.
template <class Index>
constexpr Index row_blocks(ToeplitzConfig c, const ConvShape<Index>& s) {
  return divide_up(sequences(c, s) * s.out_channels, Index{c.tile_c});
}
template <class Index>
constexpr Index length_blocks(ToeplitzConfig c, const ConvShape<Index>& s) {
  return divide_up(divide_up(s.out_length, classes(c, s)), Index{c.tile_l});
}
template <class Index>
constexpr Index blocks(ToeplitzConfig c, const ConvShape<Index>& s) {
  return s.batch * length_blocks(c, s) * row_blocks(c, s);
}

/// Elements of a row of x before those that a block's outputs read, so that its loads are aligned.
/// It depends on no length, for the packed weights do not.
template <class Index>
constexpr int lead(ToeplitzConfig c, const ConvShape<Index>& s) {
  if (c.across || s.dilation > 1) return 0;
  return (widest_vector(c) - static_cast<int>(s.pad_left % widest_vector(c))) % widest_vector(c);
}

/// Steps that cover the columns of the Toeplitz matrix: the taps, each row of them `step` further
/// on.
template <class Index>
constexpr Index steps(ToeplitzConfig c, const ConvShape<Index>& s) {
  return divide_up(s.taps + Index{toeplitz_side - 1} * c.step + lead(c, s), Index{toeplitz_side});
}

/// Elements of a row of x in shared memory.
template <class Index>
constexpr Index window(ToeplitzConfig c, const ConvShape<Index>& s) {
  return Index{c.tile_l - toeplitz_side} * c.step + steps(c, s) * toeplitz_side;
}

/// Shared memory: the rows of x, and behind them those of y, or in their place where a sequence has
/// one of each. Rows that are filled across begin in different banks.
constexpr int pitch_of(ToeplitzConfig c, int row) { return row + (c.across ? 4 : 0); }
template <class Index>
constexpr bool is_in_place(const ConvShape<Index>& s) {
  return s.in_channels == 1 && s.out_channels == 1;
}
template <class Index>
constexpr Index x_pitch(ToeplitzConfig c, const ConvShape<Index>& s) {
  return window(c, s) + pitch_of(c, 0);
}
template <class Index>
constexpr Index y_pitch(ToeplitzConfig c, const ConvShape<Index>& s) {
  return is_in_place(s) ? x_pitch(c, s) : pitch_of(c, c.tile_l);
}
template <class Index>
constexpr Index y_offset(ToeplitzConfig c, const ConvShape<Index>& s) {
  return is_in_place(s) ? 0 : block_sequences(c, s) * s.in_channels * x_pitch(c, s);
}
constexpr Int64 shared_bytes(ToeplitzConfig c, const ConvShape<Int64>& s) {
  return (y_offset(c, s) + c.tile_c * y_pitch(c, s)) * element_bytes(c);
}

/// Packed weights are [output channel][input channel of the group][copy][vector of 4 taps]. A lane
/// takes 4 neighbouring columns of a row of the matrix: taps from a place that is no multiple of 4,
/// unless a copy begins with as many of them missing. The copies are those that the rows need,
/// `apart` taps missing from one to the next. In front of a copy lie the zeros left of the last
/// row's taps.
constexpr int copies(ToeplitzConfig c) {
  if (c.step % 4 == 0) return 1;
  return c.step % 2 == 0 ? 2 : 4;
}
constexpr int front(ToeplitzConfig c) { return divide_up((toeplitz_side - 1) * c.step, 4) * 4; }
template <class Index>
constexpr Index copy_weights(ToeplitzConfig c, const ConvShape<Index>& s) {
  return front(c) + steps(c, s) * toeplitz_side;
}
template <class Index>
constexpr Index row_weights(ToeplitzConfig c, const ConvShape<Index>& s) {
  return copies(c) * copy_weights(c, s);
}
template <class Index>
constexpr Index packed_weights(ToeplitzConfig c, const ConvShape<Index>& s) {
  return s.groups * s.out_channels * s.in_channels * row_weights(c, s);
}
/// Behind the weights lies the bias as float32.
template <class Index>
constexpr Index bias_offset(ToeplitzConfig c, const ConvShape<Index>& s) {
  return divide_up(packed_weights(c, s) * element_bytes(c), Index{16}) * 16;
}
template <class Index>
constexpr Index packed_bytes(ToeplitzConfig c, const ConvShape<Index>& s) {
  return bias_offset(c, s) + s.groups * s.out_channels * 4;
}

/// Multiply-adds that all blocks execute together, products with the matrix's zeros included.
constexpr Int64 products(ToeplitzConfig c, const ConvShape<Int64>& s) {
  const Int64 rows = s.batch * length_blocks(c, s) * sequences(c, s) * s.out_channels;
  const Int64 columns = s.in_channels * steps(c, s) * toeplitz_side;
  return rows * c.tile_l * columns * (c.math == Math::tf32x3 ? 3 : 1);
}

/// Whether every index the kernel computes, those of its tails included, fits 32 bits.
constexpr bool fits_32_bits(ToeplitzConfig c, const ConvShape<Int64>& s) {
  const Int64 limit = 0x7fffffff;
  const Int64 last = length_blocks(c, s) * c.tile_l * classes(c, s);
  const Int64 reach = (last + classes(c, s)) * s.stride + window(c, s) * s.dilation + s.pad_left;
  const Int64 along_l = c.layout == Layout::NLC ? s.groups * s.in_channels : 1;
  return s.batch * s.length * s.groups * s.in_channels <= limit &&
         s.batch * s.out_length * s.groups * s.out_channels <= limit &&
         sequences(c, s) * (s.in_channels + s.out_channels) + c.tile_c <= limit &&
         packed_bytes(c, s) <= limit && blocks(c, s) <= limit && reach <= limit / along_l;
}

}  // namespace convtune::cuda
