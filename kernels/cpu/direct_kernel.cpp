#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/direct_kernel.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/direct_tile-inl.hpp"
#include "kernels/cpu/direct_window-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// Output positions of one tile of output channels, in each of some batch rows.
struct Block {
  std::int64_t n = 0, batches = 0;
  std::int64_t group = 0;
  std::int64_t first_l = 0, rows = 0;
  std::int64_t tile = 0;
  std::int64_t first_c = 0, channels = 0;  // in y
  std::int64_t width = 0;                  // of the tile
};

Block block_of(const DirectPlan& plan, std::int64_t task) {
  Block b;
  const std::int64_t blocks = plan.blocks_c * plan.blocks_l;
  const std::int64_t block = task % blocks;
  task /= blocks;
  const bool channels_first = plan.config.channels_first != 0;
  const std::int64_t block_c = channels_first ? block % plan.blocks_c : block / plan.blocks_l;
  const std::int64_t block_l = channels_first ? block / plan.blocks_c : block % plan.blocks_l;
  b.tile = block_c * plan.task_tiles;
  b.first_l = block_l * plan.block_l;
  b.rows = std::min(plan.block_l, plan.length_out - b.first_l);
  b.group = task % plan.problem.num_groups;
  b.n = task / plan.problem.num_groups * plan.block_n;
  b.batches = std::min(plan.block_n, plan.problem.batch - b.n);
  return b;
}

Block with_tile(const DirectPlan& plan, Block block, std::int64_t tile) {
  const std::int64_t first = tile * plan.config.tile_c;
  block.tile = tile;
  block.first_c = block.group * plan.group_out + first;
  block.channels = std::min(plan.config.tile_c, plan.group_out - first);
  block.width = width_of(plan, tile);
  return block;
}

std::int64_t tile_index(const DirectPlan& plan, const Block& block) {
  return block.group * plan.tiles_c + block.tile;
}

const float* bias_of(const DirectPlan& plan, const Block& block) {
  return plan.bias.get() + tile_index(plan, block) * plan.config.tile_c;
}

// Of the channels from `first` on.
const float* weights_of(const DirectPlan& plan, const Block& block, std::int64_t first) {
  const std::int64_t taps = plan.problem.kernel_size;
  return plan.weights.get() + tile_index(plan, block) * taps * plan.group_in * plan.config.tile_c +
         first * taps * block.width;
}

// A task's input: the group of its first batch row at position 0, and room for a window of it.
template <class T>
struct Input {
  const T* x;
  float* window;
};

// What one pass sums, its slot 0 at x[origin].
struct Pass {
  const float* x;
  std::int64_t origin;
  std::int64_t first_channel, channels;
  TapRange taps;
};

template <class T>
Pass make_pass(const DirectPlan& plan, const Block& block, const Input<T>& input,
               std::int64_t batch_row, std::int64_t first_channel, std::int64_t first_tap) {
  const std::int64_t channels = std::min(plan.pass_channels, plan.group_in - first_channel);
  const TapRange taps = {first_tap, std::min(first_tap + plan.pass_taps, plan.problem.kernel_size)};
  const T* x = input.x + batch_row * plan.problem.length * plan.problem.in_channels;
  if constexpr (std::is_same_v<T, float>) {
    const std::int64_t position =
        window_start(plan.problem, block.first_l) + taps.first * plan.slot_tap;
    return {x, position * plan.slot_step + first_channel * plan.channel_step, first_channel,
            channels, taps};
  } else {
    lay_out(plan, {block.first_l, block.rows, first_channel, channels, taps}, x, input.window);
    return {input.window, 0, first_channel, channels, taps};
  }
}

// Where a row of a pass reads a tap.
const float* input_of(const DirectPlan& plan, const Pass& pass, std::int64_t row,
                      std::int64_t tap) {
  const std::int64_t slot = row * plan.slot_row + (tap - pass.taps.first) * plan.slot_tap;
  return pass.x + (pass.origin + slot * plan.slot_step);
}

// Over `taps` of a pass; which rows, and where they begin and end, is left open.
DirectReduction reduction_of(const DirectPlan& plan, const Block& block, const Pass& pass,
                             TapRange taps) {
  DirectReduction r = {};
  r.row_step = plan.slot_row * plan.slot_step;
  r.w = weights_of(plan, block, pass.first_channel) + taps.first * pass.channels * block.width;
  r.outer_count = taps.last - taps.first;
  r.outer_x_step = plan.slot_tap * plan.slot_step;
  r.outer_w_step = pass.channels * block.width;
  r.inner_count = pass.channels;
  r.inner_x_step = plan.channel_step;
  if (r.outer_x_step == r.inner_count * r.inner_x_step) {  // neighbours in x as they are in w
    r.inner_count *= r.outer_count;
    r.outer_count = 1;
  }
  return r;
}

// Adds `taps` of rows [first, last) to their sums.
template <std::size_t lanes, int vectors>
void add_rows(const DirectPlan& plan, const Block& block, const Pass& pass, std::int64_t first,
              std::int64_t last, TapRange taps, float* sums) {
  DirectReduction r = reduction_of(plan, block, pass, taps);
  r.start_step = block.width;
  r.to_step = block.width;
  std::int64_t rows = 0;
  for (std::int64_t row = first; row < last; row += rows, sums += rows * block.width) {
    rows = largest_tile(last - row);
    r.x = input_of(plan, pass, row, taps.first);
    r.start = sums;
    r.to = sums;
    reduce<lanes, vectors>(rows, r);
  }
}

// Adds a register tile to its sums. At the borders of x a row's first and last tap inside fall from
// row to row: the rows that read a tap are neighbours, and taps that the same rows read are, too.
template <std::size_t lanes, int vectors>
void add_tile(const DirectPlan& plan, const Block& block, const Pass& pass, std::int64_t row,
              std::int64_t rows, float* sums) {
  const Problem& p = plan.problem;
  const auto taps_of = [&](std::int64_t i) -> TapRange {
    return valid_taps(p, window_start(p, block.first_l + row + i));
  };
  TapRange taps = pass.taps;
  if (taps_of(0).first <= taps.first && taps.last <= taps_of(rows - 1).last) {
    return add_rows<lanes, vectors>(plan, block, pass, row, row + rows, taps, sums);
  }
  std::int64_t first = rows, last = rows;  // rows that read taps.first
  while (!taps.empty()) {
    while (first > 0 && taps_of(first - 1).first <= taps.first) --first;
    while (last > 0 && taps_of(last - 1).last <= taps.first) --last;
    taps.last = pass.taps.last;
    if (first > 0) taps.last = std::min(taps.last, taps_of(first - 1).first);
    if (last > 0) taps.last = std::min(taps.last, taps_of(last - 1).last);
    if (first < last) {
      add_rows<lanes, vectors>(plan, block, pass, row + first, row + last, taps,
                               sums + first * block.width);
    }
    taps = {taps.last, pass.taps.last};
  }
}

template <std::size_t lanes, int vectors>
void start_sums(const float* bias, std::int64_t rows, float* sums) {
  constexpr Floats<lanes> d;
  for (int v = 0; v < vectors; ++v) {
    const auto start = hn::LoadU(d, bias + v * lanes);
    float* sum = sums + v * lanes;
    for (std::int64_t row = 0; row < rows; ++row, sum += vectors * lanes) hn::StoreU(start, d, sum);
  }
}

// NLC: rows of y are rows of sums.
template <class T, std::size_t lanes>
void store_rows(const DirectPlan& plan, const Block& block, std::int64_t first, std::int64_t count,
                const float* sums, T* y) {
  constexpr Floats<lanes> d;
  y += (block.n * plan.length_out + block.first_l + first) * plan.problem.out_channels +
       block.first_c;
  const Activation activation = plan.problem.activation;
  const bool plain = activation == Activation::none && block.channels == block.width;
  for (std::int64_t row = 0; row < count; ++row, y += plan.problem.out_channels) {
    const float* from = sums + row * block.width;
    for (std::int64_t c = 0; c < block.channels; c += lanes) {
      if (plain) {
        store(hn::LoadU(d, from + c), d, y + c);
      } else {
        store_up_to(activate(d, hn::LoadU(d, from + c), activation), d, y + c, block.channels - c);
      }
    }
  }
}

// NCL: rows of y are columns of sums.
template <class T, std::size_t lanes>
void store_columns(const DirectPlan& plan, const Block& block, const float* sums, T* y) {
  constexpr Floats<lanes> d;
  y += (block.n * plan.problem.out_channels + block.first_c) * plan.length_out + block.first_l;
  for (std::int64_t c = 0; c < block.channels; ++c, y += plan.length_out) {
    for (std::int64_t row = 0; row < block.rows; row += lanes) {
      HWY_ALIGN float column[lanes] = {};
      const std::int64_t count = std::min<std::int64_t>(lanes, block.rows - row);
      for (std::int64_t i = 0; i < count; ++i) column[i] = sums[(row + i) * block.width + c];
      store_up_to(activate(d, hn::Load(d, column), plan.problem.activation), d, y + row, count);
    }
  }
}

// Rows [first, last) of a block that sum all taps, and where nothing else is to be done to them.
struct PlainRows {
  std::int64_t first = 0, last = 0;
};

PlainRows plain_rows(const DirectPlan& plan, const Block& block) {
  const Problem& p = plan.problem;
  if (p.activation != Activation::none || block.channels != block.width) return {};
  const std::int64_t room = p.length - 1 - (p.kernel_size - 1) * p.dilation + p.padding.left;
  if (room < 0) return {};
  return {ceil_div(p.padding.left, p.stride) - block.first_l, room / p.stride + 1 - block.first_l};
}

// NLC in one pass: a register tile at a time, stored while its sums are in the nearest cache or, in
// float32, without any.
template <class T, std::size_t lanes, int vectors>
void run_rows(const DirectPlan& plan, const Block& block, const Pass& pass, T* y) {
  HWY_ALIGN float sums[std::size_t{12} * vectors * lanes];
  const PlainRows plain = plain_rows(plan, block);
  // Changed in place from tile to tile: a copy would read by vectors what was just stored by words,
  // which waits for all stores before it.
  DirectReduction r = reduction_of(plan, block, pass, pass.taps);
  r.start = bias_of(plan, block);
  r.to_step = plan.problem.out_channels;
  T* const to = y + (block.n * plan.length_out + block.first_l) * r.to_step + block.first_c;
  r.past_caches = plan.past_caches && lies_on_line(to);
  std::int64_t rows = 0;
  for (std::int64_t row = 0; row < block.rows; row += rows) {
    rows = largest_tile(std::min(plan.config.tile_l, block.rows - row));
    if constexpr (std::is_same_v<T, float>) {
      if (plain.first <= row && row + rows <= plain.last) {
        r.x = input_of(plan, pass, row, pass.taps.first);
        r.to = to + row * r.to_step;
        reduce<lanes, vectors>(rows, r);
        continue;
      }
    }
    start_sums<lanes, vectors>(bias_of(plan, block), rows, sums);
    add_tile<lanes, vectors>(plan, block, pass, row, rows, sums);
    store_rows<T, lanes>(plan, block, row, rows, sums, y);
  }
}

// `whole` is the pass of a plan that has only one.
template <class T, std::size_t lanes, int vectors>
void run_block(const DirectPlan& plan, const Block& block, const Input<T>& input, const Pass& whole,
               T* y) {
  const bool nlc = plan.problem.layout == Layout::NLC;
  if (nlc && plan.one_pass()) return run_rows<T, lanes, vectors>(plan, block, whole, y);
  HWY_ALIGN float sums[direct_max_sums];
  const std::int64_t batch_sums = block.rows * block.width;
  start_sums<lanes, vectors>(bias_of(plan, block), block.batches * block.rows, sums);
  for (std::int64_t c = 0; c < plan.group_in; c += plan.pass_channels) {
    for (std::int64_t k = 0; k < plan.problem.kernel_size; k += plan.pass_taps) {
      for (std::int64_t n = 0; n < block.batches; ++n) {
        const Pass pass = plan.one_pass() ? whole : make_pass(plan, block, input, n, c, k);
        float* sum = sums + n * batch_sums;
        std::int64_t rows = 0;
        for (std::int64_t row = 0; row < block.rows; row += rows) {
          rows = largest_tile(std::min(plan.config.tile_l, block.rows - row));
          add_tile<lanes, vectors>(plan, block, pass, row, rows, sum + row * block.width);
        }
      }
    }
  }
  Block done = block;
  for (std::int64_t n = 0; n < block.batches; ++n, ++done.n) {
    if (nlc) {
      store_rows<T, lanes>(plan, done, 0, done.rows, sums + n * batch_sums, y);
    } else {
      store_columns<T, lanes>(plan, done, sums + n * batch_sums, y);
    }
  }
}

// The last tile of a group may have fewer vectors.
template <class T, std::size_t lanes, int vectors>
void run_width(const DirectPlan& plan, const Block& block, const Input<T>& input, const Pass& whole,
               T* y) {
  if constexpr (vectors > 1) {
    if (block.width < static_cast<std::int64_t>(vectors * lanes)) {
      return run_width<T, lanes, vectors - 1>(plan, block, input, whole, y);
    }
  }
  run_block<T, lanes, vectors>(plan, block, input, whole, y);
}

template <class T, std::size_t lanes, int vectors>
void run_task(const DirectPlan& plan, const void* x, void* y, std::int64_t task) {
  const Problem& p = plan.problem;
  const Block block = block_of(plan, task);
  HWY_ALIGN float window[std::is_same_v<T, float> ? 1 : direct_max_window];
  const Input<T> input = {
      static_cast<const T*>(x) + block.n * p.length * p.in_channels +
          block.group * plan.group_in * (p.layout == Layout::NLC ? 1 : p.length),
      window};
  const Pass whole = plan.one_pass() ? make_pass(plan, block, input, 0, 0, 0) : Pass();
  const std::int64_t last = std::min(block.tile + plan.task_tiles, plan.tiles_c);
  for (std::int64_t tile = block.tile; tile < last; ++tile) {
    run_width<T, lanes, vectors>(plan, with_tile(plan, block, tile), input, whole,
                                 static_cast<T*>(y));
  }
  // No lock makes other threads see such stores in time.
  if (plan.past_caches) hwy::FlushStream();
}

template <class T>
DirectPlan::Task task_of(std::int64_t tile_c) {
  if constexpr (max_lanes > 4) {
    if (tile_c == 4) return run_task<T, 4, 1>;
  }
  if constexpr (max_lanes > 8) {
    if (tile_c == 8) return run_task<T, 8, 1>;
  }
  if (tile_c == max_lanes) return run_task<T, max_lanes, 1>;
  if (tile_c == 2 * max_lanes) return run_task<T, max_lanes, 2>;
  if (tile_c == 3 * max_lanes) return run_task<T, max_lanes, 3>;
  if (tile_c == 4 * max_lanes) return run_task<T, max_lanes, 4>;
  return nullptr;
}

}  // namespace

DirectPlan::Task find_task(DType dtype, std::int64_t tile_c) {
  return by_dtype(dtype, [&](auto zero) { return task_of<decltype(zero)>(tile_c); });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_task);

DirectPlan::Task direct_task(DType dtype, std::int64_t tile_c) {
  return HWY_DYNAMIC_DISPATCH(find_task)(dtype, tile_c);
}

std::string direct_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
