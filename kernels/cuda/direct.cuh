#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/arithmetic.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/direct_config.hpp"

namespace convtune::cuda {

// The direct Conv1D without shared memory: any stride, dilation, groups, padding, kernel size.
//
//   y[n, t, co] = act(bias[co] + sum over k, ci of
//                     x[n, t*stride + k*dilation - pad_left, group(co)*Cin/G + ci] * w[k, ci, co])
//
// x is (N, L, Cin) or (N, Cin, L), y alike; w and bias come packed (see direct_config.hpp).
//
//   length t ->                        A block covers block_l*tile_l positions of one batch row
//   +----------------------------+     and block_c channel tiles of tile_c channels. A tile lies
//   | block_l threads wide       |     within one group, but the tiles of a block may belong to
//   | each: tile_l positions,    |     different groups, so depthwise fills its blocks too.
//   |       tile_c channels  co  |
//   |                        |   |     A thread keeps its tile_l x tile_c sums in registers and
//   +------------------------v---+     loops over taps, then input channels: where a tap reads x
//                                      is worked out once for all channels. Each step loads
// tile_l values of x and tile_c weights for tile_l*tile_c multiply-adds; neighbouring threads share
// them through L1. Positions outside x are not loaded and count as 0.

/// One thread's place in the output.
template <class Index>
struct DirectTile {
  Index batch;
  Index first;         ///< position of the tile's first run
  Index channel_tile;  ///< of all groups
  Index group;
  Index group_channel;  ///< first channel, within the group
};

template <DirectConfig config, class Index>
DirectTile<Index> direct_tile(const ConvShape<Index>& shape) {
  const auto block = static_cast<Index>(block_index());
  const auto thread = static_cast<Index>(thread_index());
  constexpr Index along_l = block_l(config);
  constexpr Index along_c = config.block_c;
  constexpr bool channels_first = config.layout == Layout::NLC;
  const Index thread_c = channels_first ? thread % along_c : thread / along_l;
  const Index thread_l = channels_first ? thread / along_c : thread % along_l;

  const Index c_blocks = channel_blocks(config, shape);
  const Index l_blocks = length_blocks(config, shape);
  const Index l_block = block / c_blocks % l_blocks;

  DirectTile<Index> tile;
  tile.batch = block / c_blocks / l_blocks;
  tile.first = l_block * along_l * config.tile_l + thread_l * run(config);
  tile.channel_tile = block % c_blocks * along_c + thread_c;
  tile.group = tile.channel_tile / tiles_per_group(config, shape);
  tile.group_channel = tile.channel_tile % tiles_per_group(config, shape) * config.tile_c;
  return tile;
}

/// Output position `i` of a tile, relative to its first.
template <DirectConfig config>
constexpr int position_in_tile(int i) {
  return i / run(config) * run(config) * block_l(config) + i % run(config);
}

/// Adds one tap's products to the sums. `x` points at the group's first channel at position 0.
template <DirectConfig config, class Index, class T>
void add_tap(const ConvShape<Index>& shape, const T* x, Index first_read, const T*& weights,
             float (&sums)[config.tile_l][config.tile_c]) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int steps = step_channels(config);
  constexpr int vec = config.vec_x;
  constexpr int reads = nlc ? config.tile_l : config.tile_l / vec;  // vectors of x a step
  const Index along_l = nlc ? shape.groups * shape.in_channels : 1;
  const Index along_c = nlc ? 1 : shape.length;

  Index offset[reads];
  bool inside[reads];
  CONVTUNE_UNROLL
  for (int r = 0; r < reads; ++r) {
    const int i = nlc ? r : r * vec;
    const Index position = first_read + position_in_tile<config>(i) * shape.stride;
    inside[r] = position >= 0 && position < shape.length;
    offset[r] = inside[r] ? position * along_l : 0;
  }

  for (Index ci = 0; ci < shape.in_channels; ci += steps) {
    float w[steps * config.tile_c];
    load_floats(weights, w);
    weights += steps * config.tile_c;
    CONVTUNE_UNROLL
    for (int r = 0; r < reads; ++r) {
      Vector<T, vec> values = {};
      if (inside[r]) values = load<vec>(x + (offset[r] + ci * along_c));
      CONVTUNE_UNROLL
      for (int v = 0; v < vec; ++v) {
        const float value = to_float(values.at[v]);
        const int i = nlc ? r : r * vec + v;
        const int step = nlc ? v : 0;
        CONVTUNE_UNROLL
        for (int c = 0; c < config.tile_c; ++c)
          sums[i][c] = multiply_add(value, w[step * config.tile_c + c], sums[i][c]);
      }
    }
  }
}

/// Adds the bias, activates, rounds and stores what lies inside y.
template <DirectConfig config, class Index, class T>
void store_tile(const ConvShape<Index>& shape, const DirectTile<Index>& tile, const void* packed,
                T* y, float (&sums)[config.tile_l][config.tile_c]) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int vec = config.vec_y;
  const Index all_channels = shape.groups * shape.out_channels;
  const Index along_l = nlc ? all_channels : 1;
  const Index along_c = nlc ? 1 : shape.out_length;
  const Index first_channel = tile.group * shape.out_channels + tile.group_channel;
  y += tile.batch * shape.out_length * all_channels;

  float bias[config.tile_c];
  const char* packed_bias = static_cast<const char*>(packed) + bias_offset(config, shape);
  load_floats(reinterpret_cast<const float*>(packed_bias) + tile.channel_tile * config.tile_c,
              bias);

  constexpr int steps_l = nlc ? 1 : vec;
  constexpr int steps_c = nlc ? vec : 1;
  CONVTUNE_UNROLL
  for (int i = 0; i < config.tile_l; i += steps_l) {
    const Index position = tile.first + position_in_tile<config>(i);
    CONVTUNE_UNROLL
    for (int c = 0; c < config.tile_c; c += steps_c) {
      Vector<T, vec> out;
      CONVTUNE_UNROLL
      for (int v = 0; v < vec; ++v) {
        const int vi = nlc ? i : i + v;
        const int vc = nlc ? c + v : c;
        out.at[v] = from_float<T>(activate<config.activation>(sums[vi][vc] + bias[vc]));
      }
      if (position < shape.out_length && tile.group_channel + c < shape.out_channels)
        store(y + (position * along_l + (first_channel + c) * along_c), out);
    }
  }
}

template <DirectConfig config>
void conv1d_direct(const ConvArgs& args) {
  static_assert(config.threads % config.block_c == 0);
  static_assert(config.tile_l % run(config) == 0, "a tile is made of whole runs");
  static_assert(config.layout == Layout::NCL || config.tile_c % config.vec_y == 0);
  using T = Element<config.dtype>;
  using Index = IndexOf<config.index_bits>;

  const ConvShape<Index> shape = shape_as<Index>(args.shape);
  const DirectTile<Index> tile = direct_tile<config>(shape);
  if (tile.channel_tile >= channel_tiles(config, shape)) return;

  const Index taps = config.taps > 0 ? config.taps : shape.taps;
  const Index row = shape.length * shape.groups * shape.in_channels;
  const Index channel = tile.group * shape.in_channels;
  const T* x = static_cast<const T*>(args.x) + tile.batch * row +
               (config.layout == Layout::NLC ? channel : channel * shape.length);
  const T* weights = static_cast<const T*>(args.packed) +
                     tile.channel_tile * taps * shape.in_channels * config.tile_c;
  const Index first_read = tile.first * shape.stride - shape.pad_left;

  float sums[config.tile_l][config.tile_c] = {};
  CONVTUNE_UNROLL
  for (Index k = 0; k < taps; ++k)
    add_tap<config>(shape, x, first_read + k * shape.dilation, weights, sums);
  store_tile<config>(shape, tile, args.packed, static_cast<T*>(args.y), sums);
}

}  // namespace convtune::cuda
