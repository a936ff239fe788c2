// The parts of cpu_direct's tasks and what they sum. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_DIRECT_PASS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_DIRECT_PASS_INL
#undef CONVTUNE_CPU_DIRECT_PASS_INL
#else
#define CONVTUNE_CPU_DIRECT_PASS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/direct_tile-inl.hpp"
#include "kernels/cpu/direct_window-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// Output positions of one tile of output channels, in each of some batch rows.
struct DirectBlock {
  std::int64_t n = 0, batches = 0;
  std::int64_t group = 0;
  std::int64_t first_l = 0, rows = 0;
  std::int64_t tile = 0;
  std::int64_t first_c = 0, channels = 0;  ///< in y
  std::int64_t width = 0;                  ///< of the tile
};

inline DirectBlock block_of(const DirectPlan& plan, std::int64_t task) {
  DirectBlock b;
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

inline DirectBlock with_tile(const DirectPlan& plan, DirectBlock block, std::int64_t tile) {
  const std::int64_t first = tile * plan.config.tile_c;
  block.tile = tile;
  block.first_c = block.group * plan.group_out + first;
  block.channels = std::min(plan.config.tile_c, plan.group_out - first);
  block.width = width_of(plan, tile);
  return block;
}

inline std::int64_t tile_index(const DirectPlan& plan, const DirectBlock& block) {
  return block.group * plan.tiles_c + block.tile;
}

inline const float* bias_of(const DirectPlan& plan, const DirectBlock& block) {
  return plan.bias.get() + tile_index(plan, block) * plan.config.tile_c;
}

// Of the channels from `first` on.
inline const float* weights_of(const DirectPlan& plan, const DirectBlock& block,
                               std::int64_t first) {
  const std::int64_t taps = plan.problem.kernel_size;
  return plan.weights.get() + tile_index(plan, block) * taps * plan.group_in * plan.config.tile_c +
         first * taps * block.width;
}

/// A task's input: the group of its first batch row at position 0, and room for a window of it.
template <class T>
struct DirectInput {
  const T* x;
  float* window;
};

/// What one pass sums, its slot 0 at x[origin].
struct DirectPass {
  const float* x;
  std::int64_t origin;
  std::int64_t first_channel, channels;
  TapRange taps;
};

template <class T>
DirectPass make_pass(const DirectPlan& plan, const DirectBlock& block, const DirectInput<T>& input,
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
inline const float* input_of(const DirectPlan& plan, const DirectPass& pass, std::int64_t row,
                             std::int64_t tap) {
  const std::int64_t slot = row * plan.slot_row + (tap - pass.taps.first) * plan.slot_tap;
  return pass.x + (pass.origin + slot * plan.slot_step);
}

// Over `taps` of a pass; which rows, and where they begin and end, is left open.
inline DirectReduction reduction_of(const DirectPlan& plan, const DirectBlock& block,
                                    const DirectPass& pass, TapRange taps) {
  DirectReduction r = {};
  r.row_step = plan.slot_row * plan.slot_step;
  const float* w = weights_of(plan, block, pass.first_channel);
  const std::int64_t tap_step = plan.slot_tap * plan.slot_step;
  const std::int64_t tap_count = taps.last - taps.first;
  if (plan.taps_inside) {
    r.w = w + taps.first * block.width;
    r.outer_count = pass.channels;
    r.outer_x_step = plan.channel_step;
    r.outer_w_step = plan.problem.kernel_size * block.width;
    r.inner_count = tap_count;
    r.inner_x_step = tap_step;
    return r;
  }
  r.w = w + taps.first * pass.channels * block.width;
  r.outer_count = tap_count;
  r.outer_x_step = tap_step;
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
void add_rows(const DirectPlan& plan, const DirectBlock& block, const DirectPass& pass,
              std::int64_t first, std::int64_t last, TapRange taps, float* sums) {
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

/// Adds a register tile to its sums. At the borders of x a row's first and last tap inside fall
/// from row to row: the rows that read a tap are neighbours, and taps that the same rows read are,
/// too.
template <std::size_t lanes, int vectors>
void add_tile(const DirectPlan& plan, const DirectBlock& block, const DirectPass& pass,
              std::int64_t row, std::int64_t rows, float* sums) {
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

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
