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
constexpr Int64 tiles_per_group(DirectConfig c, const ConvArgs& args) {
  return divide_up(args.out_channels, c.tile_c);
}
constexpr Int64 channel_tiles(DirectConfig c, const ConvArgs& args) {
  return args.groups * tiles_per_group(c, args);
}

/// The grid is (batch, length, channels), channels fastest, so that blocks which run together share
/// their window of x.
constexpr Int64 channel_blocks(DirectConfig c, const ConvArgs& args) {
  return divide_up(channel_tiles(c, args), c.block_c);
}
constexpr Int64 length_blocks(DirectConfig c, const ConvArgs& args) {
  return divide_up(args.out_length, Int64{block_l(c)} * c.tile_l);
}
constexpr Int64 blocks(DirectConfig c, const ConvArgs& args) {
  return args.batch * length_blocks(c, args) * channel_blocks(c, args);
}

/// Packed weights are [channel tile][tap][input channel][tile_c], short tiles filled up with zeros,
/// and behind them, at bias_offset bytes, the bias as float32 [channel tile][tile_c].
constexpr Int64 packed_weights(DirectConfig c, const ConvArgs& args) {
  return channel_tiles(c, args) * args.taps * args.in_channels * c.tile_c;
}
constexpr Int64 bias_offset(DirectConfig c, const ConvArgs& args) {
  const Int64 element = c.dtype == DType::float32 ? 4 : 2;
  return divide_up(packed_weights(c, args) * element, 16) * 16;
}
constexpr Int64 packed_bytes(DirectConfig c, const ConvArgs& args) {
  return bias_offset(c, args) + channel_tiles(c, args) * c.tile_c * 4;
}

/// Whether every index the kernel computes, those of its tails included, fits 32 bits.
constexpr bool fits_32_bits(DirectConfig c, const ConvArgs& args) {
  const Int64 limit = 0x7fffffff;
  const Int64 channels_in = args.groups * args.in_channels;
  const Int64 channels_out = args.groups * args.out_channels;
  const Int64 last = length_blocks(c, args) * block_l(c) * c.tile_l;
  return args.batch * args.length * channels_in <= limit &&
         args.batch * args.out_length * channels_out <= limit && packed_bytes(c, args) <= limit &&
         blocks(c, args) <= limit &&
         last * args.stride + args.taps * args.dilation + args.pad_left <= limit &&
         (channel_blocks(c, args) + 1) * c.block_c * c.tile_c <= limit;
}

}  // namespace convtune::cuda
