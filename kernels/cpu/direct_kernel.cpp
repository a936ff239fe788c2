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

// Output positions of one tile of output channels.
struct Block {
  std::int64_t n = 0, group = 0;
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
  const std::int64_t block_c = plan.channels_first ? block % plan.blocks_c : block / plan.blocks_l;
  const std::int64_t block_l = plan.channels_first ? block / plan.blocks_c : block % plan.blocks_l;
  b.tile = block_c * plan.task_tiles;
  b.first_l = block_l * plan.block_l;
  b.rows = std::min(plan.block_l, plan.length_out - b.first_l);
  b.group = task % plan.problem.num_groups;
  b.n = task / plan.problem.num_groups;
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

// A task's input: its group at position 0, and room for a window of it.
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
               std::int64_t first_channel, std::int64_t first_tap) {
  const std::int64_t channels = std::min(plan.pass_channels, plan.group_in - first_channel);
  const TapRange taps = {first_tap, std::min(first_tap + plan.pass_taps, plan.problem.kernel_size)};
  if constexpr (std::is_same_v<T, float>) {
    const std::int64_t position =
        window_start(plan.problem, block.first_l) + taps.first * plan.slot_tap;
    return {input.x, position * plan.slot_step + first_channel * plan.channel_step, first_channel,
            channels, taps};
  } else {
    lay_out(plan, {block.first_l, block.rows, first_channel, channels, taps}, input.x,
            input.window);
    return {input.window, 0, first_channel, channels, taps};
  }
}

// Rows from `row` on, over `taps` of a pass; where they begin and end is left open.
DirectReduction reduction_of(const DirectPlan& plan, const Block& block, const Pass& pass,
                             std::int64_t row, TapRange taps) {
  const std::int64_t slot = row * plan.slot_row + (taps.first - pass.taps.first) * plan.slot_tap;
  const float* w = weights_of(plan, block, pass.first_channel);
  DirectReduction r = {};
  r.x = pass.x + (pass.origin + slot * plan.slot_step);
  r.row_step = plan.slot_row * plan.slot_step;
  const std::int64_t tap_step = plan.slot_tap * plan.slot_step;
  const std::int64_t tap_count = taps.last - taps.first;
  if (plan.config.taps_inside != 0) {
    r.w = w + taps.first * block.width;
    r.outer_count = pass.channels;
    r.outer_x_step = plan.channel_step;
    r.outer_w_step = plan.problem.kernel_size * block.width;
    r.inner_count = tap_count;
    r.inner_x_step = tap_step;
  } else {
    r.w = w + taps.first * pass.channels * block.width;
    r.outer_count = tap_count;
    r.outer_x_step = tap_step;
    r.outer_w_step = pass.channels * block.width;
    r.inner_count = pass.channels;
    r.inner_x_step = plan.channel_step;
  }
  return r;
}

// Adds a register tile to its sums. Taps that every row may read are summed for all rows together,
// the others row by row.
template <std::size_t lanes, int vectors>
void add_tile(const DirectPlan& plan, const Block& block, const Pass& pass, std::int64_t row,
              std::int64_t rows, float* sums) {
  const Problem& p = plan.problem;
  const auto taps_of = [&](std::int64_t i) -> TapRange {
    const TapRange inside = valid_taps(p, window_start(p, block.first_l + row + i));
    return {std::max(inside.first, pass.taps.first), std::min(inside.last, pass.taps.last)};
  };
  const auto add = [&](std::int64_t first, std::int64_t count, TapRange taps) {
    if (taps.empty()) return;
    DirectReduction r = reduction_of(plan, block, pass, row + first, taps);
    r.to = sums + first * block.width;
    r.to_step = block.width;
    r.start = r.to;
    r.start_step = r.to_step;
    reduce<lanes, vectors>(count, r);
  };
  TapRange common = {taps_of(0).first, taps_of(rows - 1).last};
  add(0, rows, common);
  if (common.first == pass.taps.first && common.last == pass.taps.last) return;
  if (common.empty()) common = {pass.taps.last, pass.taps.last};
  for (std::int64_t i = 0; i < rows; ++i) {
    const TapRange own = taps_of(i);
    add(i, 1, {own.first, std::min(own.last, common.first)});
    add(i, 1, {std::max(own.first, common.last), own.last});
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

// Whether nothing is to be done to the sums of these rows but the sum over all taps.
bool is_plain(const DirectPlan& plan, const Block& block, std::int64_t row, std::int64_t rows) {
  const Problem& p = plan.problem;
  const std::int64_t first = block.first_l + row;
  return p.activation == Activation::none && block.channels == block.width &&
         valid_taps(p, window_start(p, first)).first == 0 &&
         valid_taps(p, window_start(p, first + rows - 1)).last == p.kernel_size;
}

// NLC in one pass: a register tile at a time, stored while its sums are in the nearest cache or, in
// float32, without any.
template <class T, std::size_t lanes, int vectors>
void run_rows(const DirectPlan& plan, const Block& block, const Pass& pass, T* y) {
  HWY_ALIGN float sums[std::size_t{12} * vectors * lanes];
  std::int64_t rows = 0;
  for (std::int64_t row = 0; row < block.rows; row += rows) {
    rows = largest_tile(std::min(plan.config.tile_l, block.rows - row));
    if constexpr (std::is_same_v<T, float>) {
      if (is_plain(plan, block, row, rows)) {
        DirectReduction r = reduction_of(plan, block, pass, row, pass.taps);
        r.start = bias_of(plan, block);
        r.to_step = plan.problem.out_channels;
        r.to = y + (block.n * plan.length_out + block.first_l + row) * r.to_step + block.first_c;
        r.past_caches = plan.past_caches && lies_on_line(r.to);
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
  start_sums<lanes, vectors>(bias_of(plan, block), block.rows, sums);
  for (std::int64_t c = 0; c < plan.group_in; c += plan.pass_channels) {
    for (std::int64_t k = 0; k < plan.problem.kernel_size; k += plan.pass_taps) {
      const Pass pass = plan.one_pass() ? whole : make_pass(plan, block, input, c, k);
      std::int64_t rows = 0;
      for (std::int64_t row = 0; row < block.rows; row += rows) {
        rows = largest_tile(std::min(plan.config.tile_l, block.rows - row));
        add_tile<lanes, vectors>(plan, block, pass, row, rows, sums + row * block.width);
      }
    }
  }
  if (nlc) {
    store_rows<T, lanes>(plan, block, 0, block.rows, sums, y);
  } else {
    store_columns<T, lanes>(plan, block, sums, y);
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
  const Pass whole = plan.one_pass() ? make_pass(plan, block, input, 0, 0) : Pass();
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
