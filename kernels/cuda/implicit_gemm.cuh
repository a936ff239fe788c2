#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/cluster.cuh"
#include "kernels/cuda/device/copy_async.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/implicit_gemm_config.hpp"
#include "kernels/cuda/implicit_gemm_input.cuh"
#include "kernels/cuda/implicit_gemm_output.cuh"
#include "kernels/cuda/implicit_gemm_part.hpp"
#include "kernels/cuda/implicit_gemm_products.cuh"

namespace convtune::cuda {

// The Conv1D of wide groups as a matrix product on tensor cores (mma.sync, sm_80 and later): any
// stride, dilation, padding and kernel size.
//
//   y[n, t, co] = act(bias[co] + sum over k, ci of
//                     x[n, t*stride + k*dilation - pad_left, group(co)*Cin/G + ci] * w[k, ci, co])
//
// A block computes tile_l positions by tile_c channels of one group. Short batch rows of NLC may be
// joined, so that their positions fill tiles together; each tap then has a tile of x. A block goes
// through the reduction in steps: a tap of step_channels input channels, taps first. Both operands
// lie in shared memory as rows of row_bytes with the channels side by side, so that a tap is a tile
// of x read some rows further down, and taps whose rows overlap share one tile:
//
//   tile of x, stride 1, dilation 2          weights of one step
//   row 0  | channels of position p     |    output channel 0  | channels of tap k |
//   row 1  |                     p + 1  |    ...               |                   |
//   row 2  |        tap 1 begins here   |    tile_c - 1        |                   |
//   ...                                      a ring of `stages` such tiles
//
// Everything of a step `stages` - 1 ahead is copied while one is multiplied: the weights, and x
// where that step begins a new tile. In NCL, where channels are far apart, and where rows of x are
// not aligned to 4 bytes, the next tile of x instead passes through registers, a part of it with
// every step: loaded before the products, stored behind them, transposed.
//
// Where the grid is small, so that blocks have an SM to themselves, `split` warps share each warp's
// tile: every one multiplies its part of the channels of each step. At the end the sums of the
// parts are added in order, split - 1 tiles of them through shared memory.
//
// Where that leaves SMs without a block, the blocks of a `cluster` share each tile (sm_90 and
// later): every one goes through its part of the reduction, some of the channels and some of the
// taps, as through a convolution of its own, and leaves its sums in its shared memory. Then each
// finishes and stores its share of the tile, adding the sums of all blocks in the order of their
// ranks: of each but one a tile of sums passes between SMs, and none through L2. Before sm_90 they
// would meet in global memory, of each run for itself, as runs of one prepared kernel may overlap;
// but a run allocates nothing.
//
//   rank 0  channels 0 to 63,   taps 0 to 4  -- sums --.     .-- a quarter of the tile of y
//   rank 1  channels 64 to 127, taps 0 to 4  -- sums --+-----+-- a quarter
//   rank 2  channels 0 to 63,   taps 5 to 9  -- sums --+     +-- a quarter
//   rank 3  channels 64 to 127, taps 5 to 9  -- sums --'     '-- a quarter
//
// A step has tile_l * tile_c * step_channels multiply-adds and loads tile_c * row_bytes of weights;
// a tile of x is x_rows * row_bytes, once for all its taps. Main memory sees x, y and the packed
// weights once if L2 holds what blocks side by side share.

/// A block's place in the output.
template <class Index>
struct GemmPlace {
  Index row;    ///< of the batch, or 0 if they are joined
  Index first;  ///< position in it
  Index group;
  Index channel_block;  ///< of the group
};

template <ImplicitGemmConfig config, class Index>
GemmPlace<Index> gemm_place(const ConvShape<Index>& shape) {
  auto rest = as_unsigned(static_cast<Index>(block_index() / config.cluster));
  const auto take = [&rest](Index size) {
    const auto place = static_cast<Index>(rest % as_unsigned(size));
    rest /= as_unsigned(size);
    return place;
  };
  GemmPlace<Index> place;
  place.channel_block = take(channel_blocks(config, shape));
  place.group = take(shape.groups);
  place.first = take(length_blocks(config, shape)) * config.tile_l;
  place.row = static_cast<Index>(rest);
  return place;
}

/// A step of the reduction, and which slots of shared memory it reads.
template <class Index>
struct GemmStep {
  Index chunk = 0;  ///< of step_channels
  Index tile = 0;   ///< of x, in the chunk: that of the taps tile, tile + period, ...
  Index tap = 0;
  int nth = 0;  ///< of the tile's taps
  int w_slot = 0;
  int x_slot = 0;
};

/// The loop over the reduction of one block, or over its part of it, whose first output is at
/// position `first`. Of the packed weights it reads those from `weights` on; from a chunk to the
/// next they have `chunk_tiles` tiles.
template <ImplicitGemmConfig config, class Index>
class GemmLoop {
 public:
  using T = Element<config.dtype>;
  using Step = GemmStep<Index>;

  GemmLoop(const GemmInput<Index, T>& in, const char* weights, Index chunk_tiles, Index first)
      : in_(in),
        weights_(weights),
        chunk_tiles_(chunk_tiles),
        first_(first),
        sharing_(tap_sharing(config, in.shape)),
        x_slots_(x_tiles(config, in.shape)),
        x_bytes_(static_cast<int>(x_rows(config, in.shape)) * config.row_bytes) {}

  void run(const WarpTile<config>& warp, GemmSums<config>& sums) {
    Step now, ahead;
    if constexpr (!copies_x(config)) pass_parts(now, 0);
    for (int i = 1; i < config.stages; ++i) start_copies(ahead);
    while (is_step(now)) {
      copy_async_wait<config.stages - 2>();
      block_barrier();
      start_copies(ahead);
      if constexpr (copies_x(config))
        multiply(now, warp, sums);
      else
        multiply_and_pass(now, warp, sums);
      advance(now);
    }
  }

 private:
  bool is_step(const Step& step) const { return step.chunk < channel_steps(config, in_.shape); }

  static int next_slot(int slot, int slots) { return slot + 1 == slots ? 0 : slot + 1; }

  /// The first step of the next tile of x.
  Step next_tile(Step step) const {
    step.tile += 1;
    if (step.tile == sharing_.tiles(in_.shape.taps)) {
      step.tile = 0;
      step.chunk += 1;
    }
    step.tap = step.tile;
    step.nth = 0;
    step.x_slot = next_slot(step.x_slot, x_slots_);
    return step;
  }
  bool ends_tile(const Step& step) const { return step.tap + sharing_.period >= in_.shape.taps; }

  void advance(Step& step) const {
    step.w_slot = next_slot(step.w_slot, config.stages);
    if (ends_tile(step)) {
      step = next_tile(step);
    } else {
      step.tap += sharing_.period;
      step.nth += 1;
    }
  }

  char* weights_in(int slot) const { return shared_memory() + slot * w_tile_bytes(config); }
  char* x_in(int slot) const { return weights_in(config.stages) + slot * x_bytes_; }

  /// Position that the tile's first tap reads for output 0.
  Index offset(const Step& step) const {
    return step.tile * in_.shape.dilation - in_.shape.pad_left;
  }
  /// Rows of a tile of x before the first that is wanted, where vectors lie along the length.
  int early(const Step& step) const {
    if constexpr (config.layout == Layout::NLC) return 0;
    return static_cast<int>((first_ * in_.shape.stride + offset(step)) & (config.vec_x - 1));
  }
  XTile<Index> x_tile(const Step& step) const {
    const Index taps = sharing_.taps_of(step.tile, in_.shape.taps);
    const int rows = config.tile_l + static_cast<int>((taps - 1) * sharing_.shift) + early(step);
    return {.first = first_,
            .offset = offset(step) - early(step),
            .channel = step.chunk * step_channels(config),
            .rows = is_step(step) ? rows : 0};
  }

  /// Starts the copies of a step, as a group that is empty behind the last.
  void start_copies(Step& ahead) const {
    if (is_step(ahead)) {
      const Index tile = ahead.chunk * chunk_tiles_ + ahead.tap;
      copy_weights<config>(weights_ + tile * w_tile_bytes(config),
                           shared_address(weights_in(ahead.w_slot)));
      if constexpr (copies_x(config)) {
        if (ahead.nth == 0) copy_x<config>(in_, x_tile(ahead), shared_address(x_in(ahead.x_slot)));
      }
      advance(ahead);
    }
    copy_async_commit();
  }

  void multiply(const Step& now, const WarpTile<config>& warp, GemmSums<config>& sums) const {
    const int row = now.nth * static_cast<int>(sharing_.shift) + early(now);
    add_products(shared_address(x_in(now.x_slot)), row, shared_address(weights_in(now.w_slot)),
                 warp, sums);
  }

  /// Brings parts `index`, ... of the tile of x that begins with `step` through registers.
  void pass_parts(const Step& step, int index) const {
    const XTile<Index> tile = x_tile(step);
    for (; index * XPart<config>::rows < tile.rows; ++index) {
      XPart<config> part;
      load_part(in_, tile, index, part);
      store_part(x_in(step.x_slot), tile.rows, index, part);
    }
  }

  /// Multiplies, and meanwhile loads a part of the next tile of x; with the last tap of a tile,
  /// also what is left of it.
  void multiply_and_pass(const Step& now, const WarpTile<config>& warp,
                         GemmSums<config>& sums) const {
    const Step next = next_tile(now);
    const XTile<Index> tile = x_tile(next);
    XPart<config> part;
    load_part(in_, tile, now.nth, part);
    multiply(now, warp, sums);
    store_part(x_in(next.x_slot), tile.rows, now.nth, part);
    if (ends_tile(now)) pass_parts(next, now.nth + 1);
  }

  GemmInput<Index, T> in_;
  const char* weights_;
  Index chunk_tiles_;
  Index first_;
  TapSharing<Index> sharing_;
  int x_slots_;
  int x_bytes_;
};

/// What this block adds up: the whole reduction where it has no cluster.
template <ImplicitGemmConfig config, class Index>
ReductionPart<Index> own_part(const ConvShape<Index>& shape) {
  int rank = 0;
  if constexpr (config.cluster > 1) rank = static_cast<int>(cluster_rank());
  return reduction_part(config, shape, rank);
}

template <ImplicitGemmConfig config>
void conv1d_implicit_gemm(const ConvArgs& args) {
  static_assert(config.row_bytes % (config.split * slice_bytes) == 0, "a part has whole slices");
  static_assert((config.dtype == DType::float32) == (config.math != Math::ieee));
  using T = Element<config.dtype>;
  using Index = IndexOf<config.index_bits>;
  constexpr bool nlc = config.layout == Layout::NLC;

  const ConvShape<Index> shape = shape_as<Index>(args.shape);
  const GemmPlace<Index> place = gemm_place<config>(shape);
  const ReductionPart<Index> part = own_part<config>(shape);
  const Index channels_x = shape.groups * shape.in_channels;
  const Index first_channel_x =
      place.group * shape.in_channels + part.steps.first * step_channels(config);
  const Index first_x =
      place.row * shape.length * channels_x + first_channel_x * (nlc ? 1 : shape.length);
  const GemmInput<Index, T> in = {.shape = part_shape(config, shape, part),
                                  .x = static_cast<const T*>(args.x) + first_x,
                                  .along_batch = shape.length * channels_x,
                                  .along_l = nlc ? channels_x : 1,
                                  .along_c = nlc ? 1 : shape.length};
  const Index tile = place.group * channel_blocks(config, shape) + place.channel_block;
  const char* const packed = static_cast<const char*>(args.packed);
  const Index part_tile = part.steps.first * shape.taps + part.taps.first;
  const char* const weights =
      packed + tile * w_block_bytes(config, shape) + part_tile * w_tile_bytes(config);

  const WarpTile<config> warp = warp_tile<config>();
  GemmSums<config> sums;
  GemmLoop<config, Index>(in, weights, shape.taps, place.first).run(warp, sums);

  if constexpr (config.split > 1) add_parts(warp, sums);
  gather_sums(warp, sums);

  const auto* const bias = reinterpret_cast<const float*>(packed + bias_offset(config, shape));
  const Index first_channel = place.channel_block * config.tile_c;
  const Index channels_y = shape.groups * shape.out_channels;
  const Index channel = place.group * shape.out_channels + first_channel;
  const Index row_y = place.row * shape.out_length * channels_y;
  const Index lengths = row_length(config, shape) - place.first;
  const Index channels = shape.out_channels - first_channel;
  const Index first_y =
      nlc ? place.first * channels_y + channel : channel * shape.out_length + place.first;
  store_y<config>(GemmOutput<Index, T>{.y = static_cast<T*>(args.y) + (row_y + first_y),
                                       .bias = bias + tile * config.tile_c,
                                       .along_rows = nlc ? channels_y : shape.out_length,
                                       .rows = nlc ? lengths : channels,
                                       .columns = nlc ? channels : lengths});
  // Until all have come here, others read this block's sums.
  if constexpr (config.cluster > 1) cluster_barrier();
}

}  // namespace convtune::cuda
