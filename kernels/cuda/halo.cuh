#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/halo_config.hpp"
#include "kernels/cuda/halo_multiply.cuh"
#include "kernels/cuda/halo_repair.cuh"
#include "kernels/cuda/halo_stage.cuh"
#include "kernels/cuda/halo_store.cuh"

namespace convtune::cuda {

// Conv1D from a tile of x with its halo in shared memory: few channels, few outputs, narrow groups,
// and float32 of any width.
//
//   y[n, t, co] = act(bias[co] + sum over k, ci of
//                     x[n, t*stride + k*dilation - pad_left, group(co)*Cin/G + ci] * w[k, ci, co])
//
// Taps and channels are folded into one reduction, of rows r = (k, ci), so that no lane idles where
// there are few channels. A table says where each row begins in shared memory; output t of the tile
// reads word t of the row, whatever stride, dilation and layout are:
//
//   shared memory, one channel, stride 2, 3 taps        row k=0 is words 0.., k=1 the odd positions
//   x:  0 1 2 3 4 5 6 7 8   ->   0 2 4 6 8 | 1 3 5 7    from word 5 on, k=2 words 1..
//
// All threads stage a chunk of channels, as 32-bit words: float32, or pairs of 16-bit elements that
// are neighbours in the reduction (two channels, or, with one input channel, two taps). The four
// warps have tiles of tile_l positions by tile_c channels, along the channels (`slices`), the
// length, or the reduction (`split`, for long sums of few outputs). Weights come through the cache,
// where all blocks of a tile find them. The table, the weights in the order in which they are used
// and all sizes are packed by the host.
//
// Groups of few outputs leave columns of an mma idle. Filled, a tile's rows are runs of
// neighbouring positions, and its columns all outputs of a run: for 2 channels in 8 columns, stride
// 1, 3 taps,
//
//   run r reads      x[4r]  x[4r+1]  x[4r+2]  x[4r+3]  x[4r+4]  x[4r+5]
//   position 4r       w0      w1       w2       .        .        .
//   position 4r + 1   .       w0       w1       w2       .        .
//   position 4r + 2   .       .        w0       w1       w2       .
//   position 4r + 3   .       .        .        w0       w1       w2
//
// With K taps of C input channels, 64 positions take (K + 3) * C / 16 mma in place of 4 * K * C /
// 16, and as many fewer loads of x from shared memory, which take twice as long as an mma of 8
// columns. Several groups as one block-diagonal matrix would fill the columns, too, but with as
// many more rows: no fewer mma, unless K * C is less than the 16 rows of one. There main memory
// takes longer: 16 positions of 4 channels to 4 are 256 bytes, 14 cycles of an SM of an H200; an
// mma and its loads are 4.
//
// Main memory sees x and y once, but for halos that have left the cache. A step of a warp executes
// step_rows * word_elements * tile_l * tile_c multiply-adds.

/// A block's place in the output.
template <class Index>
struct HaloPlace {
  Index batch;
  Index first;  ///< position
  Index group;  ///< the first one
  Index tile;   ///< the first one, within the group
};

template <HaloConfig config, class Index>
HaloPlace<Index> halo_place(const ConvShape<Index>& shape, Index tiles) {
  auto rest = as_unsigned(static_cast<Index>(block_index()));
  const auto take = [&rest](Index size) {
    const auto place = static_cast<Index>(rest % as_unsigned(size));
    rest /= as_unsigned(size);
    return place;
  };
  const Index blocks_per_group = divide_up(tiles, Index{config.slices});
  const Index channel_block = take(channel_blocks(config, shape, tiles));
  HaloPlace<Index> place;
  place.group = tiles == 1 ? channel_block * config.slices : channel_block / blocks_per_group;
  place.tile = tiles == 1 ? 0 : channel_block % blocks_per_group * config.slices;
  place.first = take(length_blocks(config, shape)) * block_length(config, shape);
  place.batch = static_cast<Index>(rest);
  return place;
}

/// A warp's place in its block.
template <class Index>
struct HaloWarp {
  int slice;     ///< along the channels
  int part;      ///< of a split
  int position;  ///< its tile's first, within the block
  bool exists;   ///< whether y has the tile
  Index tile;    ///< of all groups
};

template <HaloConfig config, class Index>
HaloWarp<Index> halo_warp(const ConvShape<Index>& shape, const HaloPlace<Index>& place,
                          Index tiles) {
  HaloWarp<Index> warp;
  warp.slice = warp_index() % config.slices;
  warp.part = warp_index() / config.slices % config.split;
  warp.position = warp_index() / (config.slices * config.split) * config.tile_l;
  warp.exists =
      tiles == 1 ? place.group + warp.slice < shape.groups : place.tile + warp.slice < tiles;
  warp.tile = place.group * tiles + place.tile + warp.slice;
  return warp;
}

/// Loads what lies `offset` bytes into the packed weights, by whole vectors.
template <class Plan>
Plan load_plan(const void* packed, int offset) {
  const int* from = static_cast<const int*>(packed) + offset / 4;
  struct Loaded {
    Vector<int, 4> at[sizeof(Plan) / 16];
  } loaded;
  CONVTUNE_UNROLL
  for (unsigned i = 0; i < sizeof(Plan) / 16; ++i) loaded.at[i] = load<4>(from + i * 4);
  return __builtin_bit_cast(Plan, loaded);
}

template <class Index>
Index at_most(Index value, Index limit) {
  return value < limit ? value : limit;
}

template <HaloConfig config, class Index, class T>
HaloInput<Index, T> halo_input(const ConvShape<Index>& shape, const HaloPlan& plan,
                               const HaloPlace<Index>& place, const T* x) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const Index channels = shape.groups * shape.in_channels;
  const Index channel = place.group * shape.in_channels;
  return {.x = x + place.batch * shape.length * channels + channel * (nlc ? 1 : shape.length),
          .first = place.first * shape.stride - shape.pad_left - plan.lead,
          .length = shape.length,
          .channels = shape.in_channels,
          .along_l = nlc ? channels : 1,
          .groups = static_cast<int>(at_most<Index>(plan.groups, shape.groups - place.group)),
          .stride = static_cast<int>(run_stride(config, shape)),
          .dilation = static_cast<int>(shape.dilation)};
}

/// Copies the finished tile of the block to y.
template <HaloConfig config, class Index, class T>
void store_block(const ConvShape<Index>& shape, int tiles_per_group, const HaloOutPlan& plan,
                 const HaloPlace<Index>& place, const T* out, T* y) {
  const Index channels = shape.groups * shape.out_channels;
  const Index channel = place.group * shape.out_channels + place.tile * config.tile_c;
  const Index behind =
      tiles_per_group == 1 ? channels - channel : shape.out_channels - place.tile * config.tile_c;
  const auto columns = static_cast<int>(at_most<Index>(plan.columns, behind));
  const auto positions =
      static_cast<int>(at_most(block_length(config, shape), shape.out_length - place.first));
  y += place.batch * shape.out_length * channels;
  if constexpr (config.layout == Layout::NLC)
    copy_tile<config>(plan, out, y + place.first * channels + channel, channels, positions,
                      columns);
  else
    copy_tile<config>(plan, out, y + channel * shape.out_length + place.first, shape.out_length,
                      columns, positions);
}

template <HaloConfig config>
void conv1d_halo(const ConvArgs& args) {
  static_assert(halo_warps % (config.slices * config.split) == 0);
  static_assert(fragments_l(config) > 0 && step_rows(config) > 0);
  static_assert(!is_matrix(config) || fragments_c(config) == 1 || fragments_c(config) % 2 == 0);
  using T = Element<config.dtype>;
  using Index = IndexOf<config.index_bits>;

  const ConvShape<Index> shape = shape_as<Index>(args.shape);
  const auto plan = load_plan<HaloPlan>(args.packed, 0);
  const HaloPlace<Index> place = halo_place<config, Index>(shape, plan.tiles_per_group);
  const auto in = halo_input<config>(shape, plan, place, static_cast<const T*>(args.x));

  const auto warp = halo_warp<config, Index>(shape, place, plan.tiles_per_group);
  const bool groups_apart = plan.tiles_per_group == 1;  // each slice is a group

  const Index steps = plan.steps;
  const auto tile_size = tile_weights<Index>(config, plan.chunks, steps);
  const char* packed = static_cast<const char*>(args.packed);
  const int* table = reinterpret_cast<const int*>(packed + table_offset);
  const T* weights =
      reinterpret_cast<const T*>(packed + weights_offset(config, steps)) + warp.tile * tile_size;

  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned* mine = words + (groups_apart ? warp.slice * plan.group_pitch : 0) + warp.position;
  stage_fixed_rows<config>(plan, in, static_cast<int>(run_taps(config, shape)), words);
  HaloSums<config> sums = {};
  for (int chunk = 0; chunk < plan.chunks; ++chunk) {
    stage<config, Index>(plan, in, chunk, words);
    block_barrier();
    if (warp.exists) multiply_chunk<config>(mine, table, weights, plan.steps, warp.part, sums);
    weights += plan.steps * step_weights(config);
    block_barrier();
  }

  const auto out_plan = load_plan<HaloOutPlan>(args.packed, sizeof(HaloPlan));
  auto* out = reinterpret_cast<T*>(shared_memory());
  if constexpr (config.split > 1)
    add_parts<config>(sums, warp.part, reinterpret_cast<float*>(shared_memory() + out_plan.bytes));
  if (warp.exists && warp.part == 0) {
    const Index all_weights = shape.groups * plan.tiles_per_group * tile_size;
    const auto* bias =
        reinterpret_cast<const float*>(packed + bias_offset(config, steps, all_weights)) +
        warp.tile * config.tile_c;
    const int columns = groups_apart ? static_cast<int>(shape.out_channels) : config.tile_c;
    if constexpr (config.filled) {
      const Index group = warp.slice * shape.in_channels;
      const HaloRuns<Index, T> runs = {
          .x = in.x + group * (config.layout == Layout::NLC ? 1 : shape.length),
          .weights = weights - tile_size,
          .first = place.first + warp.position * run_outputs(config, shape)};
      repair_runs<config>(shape, plan, runs, sums);
      put_runs<config>(out_plan, sums, bias, warp.position, warp.slice * columns, columns, out);
    } else {
      put_tile<config>(out_plan, sums, bias, warp.position, warp.slice * columns, columns, out);
    }
  }
  block_barrier();
  store_block<config>(shape, plan.tiles_per_group, out_plan, place, out, static_cast<T*>(args.y));
}

}  // namespace convtune::cuda
