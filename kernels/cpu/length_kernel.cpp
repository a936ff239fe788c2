#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/length_kernel.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/length.hpp"
#include "kernels/cpu/length_tile-inl.hpp"
#include "kernels/cpu/length_window-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// Output positions [first_l, last_l) of register tiles [first_tile, last_tile) of a group.
template <class T>
struct Block {
  const T* x;  // the batch row's group
  T* y;        // likewise
  std::int64_t group = 0;
  std::int64_t first_tile = 0, last_tile = 0;
  std::int64_t first_l = 0, last_l = 0;
};

template <class T>
Block<T> block_of(const LengthPlan& plan, const void* x, void* y, std::int64_t unit) {
  const Problem& p = plan.problem;
  Block<T> b = {};
  b.first_l = unit % plan.blocks_l * plan.config.block_l;
  b.last_l = std::min(b.first_l + plan.config.block_l, plan.length_out);
  unit /= plan.blocks_l;
  b.first_tile = unit % plan.blocks_c * plan.task_tiles;
  b.last_tile = std::min(b.first_tile + plan.task_tiles, plan.tiles_c);
  unit /= plan.blocks_c;
  const std::int64_t channel = unit * plan.group_in;
  b.group = unit % p.num_groups;
  b.x = static_cast<const T*>(x) + channel * p.length;
  b.y = static_cast<T*>(y) + unit * plan.group_out * plan.length_out;
  return b;
}

// What one pass sums: channels [0, channels) and taps [0, taps) from these on.
struct Pass {
  const float* x;  // what the block's first output reads at the first tap
  std::int64_t channel_step;
  std::int64_t first_channel, channels;
  std::int64_t first_tap, taps;
  bool first;
  bool in_x;  // or in a window on the stack
};

// Where a block's sums are left: those of its register tile i at tiles + i · tile_step.
struct Sums {
  float* tiles;
  std::int64_t step;  // from one output channel to the next
  bool in_y;
};

// The share of register tile i in what the outputs from t on read at the last tap: one channel in
// as many as there are tiles. All at once would be waited for, as few lines can be under way.
template <class T>
LengthAhead ahead_of(const LengthPlan& plan, const Block<T>& block, const Pass& pass,
                     std::int64_t t, std::int64_t i) {
  const Problem& p = plan.problem;
  if (!plan.x_is_large || block.first_l + t >= plan.length_out) return {.first = pass.channels};
  const std::int64_t last_tap = (pass.first_tap + pass.taps - 1) * p.dilation;
  const std::int64_t start =
      std::clamp<std::int64_t>(window_start(p, block.first_l + t) + last_tap, 0, p.length);
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(T));
  return {.x = reinterpret_cast<const std::byte*>(block.x + pass.first_channel * p.length + start),
          .channel_bytes = p.length * bytes,
          .position_bytes = p.stride * bytes,
          .first = i - block.first_tile,
          .every = block.last_tile - block.first_tile};
}

// Whether the nearest cache holds what `count` outputs read in a pass.
bool stays_near(const LengthPlan& plan, const Pass& pass, std::int64_t count) {
  const std::int64_t spread = (pass.taps - 1) * plan.problem.dilation;
  const std::int64_t in_place = std::min(count + spread, count * pass.taps);
  return pass.channels * (pass.in_x ? in_place : plan.channel_floats()) <= length_near_window;
}

template <class T>
void sum_pass(const LengthPlan& plan, const Block<T>& block, const Pass& pass, const Sums& sums) {
  const std::int64_t tile_c = plan.config.tile_c;
  const std::int64_t k = plan.problem.kernel_size;
  const std::int64_t count = block.last_l - block.first_l;
  const bool one_tile = block.last_tile - block.first_tile == 1;
  // What stays in L1 is read in any order: then whole rows of sums are written in turn.
  const std::int64_t step = one_tile || stays_near(plan, pass, count) ? count : plan.config.tile_l;
  const bool past_caches = plan.config.far != 0 && sums.in_y && pass.first &&
                           pass.channels == plan.group_in && pass.taps == k &&
                           lies_on_line(sums.tiles);
  const std::int64_t strip = one_tile ? plan.config.tile_l : step;
  const std::int64_t distance = pass.in_x ? strip : plan.config.block_l;
  for (std::int64_t t = 0; t < count; t += step) {
    for (std::int64_t i = block.first_tile; i < block.last_tile; ++i) {
      const std::int64_t index = block.group * plan.tiles_c + i;
      plan.tile({.positions = step,
                 .x = pass.x + t,
                 .channel_step = pass.channel_step,
                 .offsets = plan.offsets.data(),
                 .channels = pass.channels,
                 .taps = pass.taps,
                 .w = plan.weights.get() +
                      ((index * plan.group_in + pass.first_channel) * k + pass.first_tap) * tile_c,
                 .w_channel_step = k * tile_c,
                 .bias = pass.first ? plan.bias.get() + index * tile_c : nullptr,
                 .sums = sums.tiles + (i - block.first_tile) * tile_c * sums.step + t,
                 .sums_step = sums.step,
                 .sums_in_y = sums.in_y,
                 .ahead = ahead_of(plan, block, pass, t + distance, i),
                 .past_caches = past_caches});
    }
  }
}

// All passes of a block over windows laid out one after the other.
template <class T>
void sum_windows(const LengthPlan& plan, const Block<T>& block, const Sums& sums) {
  const Problem& p = plan.problem;
  HWY_ALIGN float window[length_max_window];
  const std::int64_t outputs = round_up(block.last_l - block.first_l, plan.config.tile_l);
  for (std::int64_t c = 0; c < plan.group_in; c += plan.pass_channels) {
    for (std::int64_t k = 0; k < p.kernel_size; k += plan.pass_taps) {
      Pass pass = {.x = window,
                   .channel_step = plan.channel_floats(),
                   .first_channel = c,
                   .channels = std::min(plan.pass_channels, plan.group_in - c),
                   .first_tap = k,
                   .taps = std::min(plan.pass_taps, p.kernel_size - k),
                   .first = c == 0 && k == 0,
                   .in_x = false};
      const std::int64_t count = outputs + (pass.taps - 1) * p.dilation / p.stride;
      for (std::int64_t i = 0; i < pass.channels; ++i) {
        lay_out<T>(plan, {block.x + (c + i) * p.length, p.length},
                   window_start(p, block.first_l) + k * p.dilation, count,
                   window + i * pass.channel_step);
      }
      sum_pass(plan, block, pass, sums);
    }
  }
}

template <class T>
void finish(const LengthPlan& plan, const Block<T>& block, const Sums& sums) {
  constexpr Floats<max_lanes> d;
  const std::int64_t first_c = block.first_tile * plan.config.tile_c;
  const std::int64_t last_c = std::min(block.last_tile * plan.config.tile_c, plan.group_out);
  const std::int64_t count = block.last_l - block.first_l;
  for (std::int64_t c = first_c; c < last_c; ++c) {
    const float* from = sums.tiles + (c - first_c) * sums.step;
    T* to = block.y + c * plan.length_out + block.first_l;
    const auto sum = [&](std::int64_t t) HWY_ATTR {
      return activate(d, hn::LoadU(d, from + t), plan.problem.activation);
    };
    std::int64_t t = 0;
    if (plan.config.far != 0 && lies_on_line(to)) {
      constexpr std::int64_t line = cache_line / sizeof(T);
      for (; t < count / line * line; t += max_lanes) stream(sum(t), d, to + t);
    }
    const T* next = to + (c + 1 < last_c ? plan.length_out : 0);
    for (; t < count; t += max_lanes) {
      hwy::Prefetch(next + t);
      store_up_to(sum(t), d, to + t, count - t);
    }
  }
}

// A window holds zeros for what lies outside x; where they met an infinite weight, sum again over
// the taps inside alone.
template <class T>
void mend_borders(const LengthPlan& plan, const Block<T>& block, const Sums& sums) {
  const Problem& p = plan.problem;
  const std::int64_t tile_c = plan.config.tile_c;
  for (std::int64_t t = block.first_l; t < block.last_l; ++t) {
    const std::int64_t start = window_start(p, t);
    const TapRange taps = valid_taps(p, start);
    if (taps.first == 0 && taps.last == p.kernel_size) continue;
    for (std::int64_t c = 0; c < (block.last_tile - block.first_tile) * tile_c; ++c) {
      const std::int64_t index = block.group * plan.tiles_c + block.first_tile + c / tile_c;
      const float* w =
          plan.weights.get() + index * plan.group_in * p.kernel_size * tile_c + c % tile_c;
      float sum = plan.bias[index * tile_c + c % tile_c];
      for (std::int64_t in = 0; in < plan.group_in; ++in) {
        for (std::int64_t k = taps.first; k < taps.last; ++k) {
          const T* at = block.x + in * p.length + start + k * p.dilation;
          sum += hn::GetLane(load(Floats<1>(), at)) * w[(in * p.kernel_size + k) * tile_c];
        }
      }
      sums.tiles[c * sums.step + t - block.first_l] = sum;
    }
  }
}

// Whether y can hold a block's sums on the way: whole tiles of float32 that are done when summed,
// by several passes only where y is not to be stored past the caches.
bool sums_in_y(const LengthPlan& plan, const Block<float>& block) {
  const bool in_turn = plan.config.window == 0 && plan.rows_in_place < plan.group_in;
  return plan.problem.activation == Activation::none && !(in_turn && plan.config.far != 0) &&
         (block.last_l - block.first_l) % plan.config.tile_l == 0 &&
         block.last_tile * plan.config.tile_c <= plan.group_out;
}

template <class T, class SumAll>
void run_with_sums(const LengthPlan& plan, const Block<T>& block, const SumAll& sum_all) {
  if constexpr (std::is_same_v<T, float>) {
    if (sums_in_y(plan, block)) {
      const std::int64_t first_c = block.first_tile * plan.config.tile_c;
      return sum_all(
          Sums{block.y + first_c * plan.length_out + block.first_l, plan.length_out, true});
    }
  }
  HWY_ALIGN float buffer[length_max_sums];
  const Sums sums = {buffer, plan.config.block_l, false};
  sum_all(sums);
  finish(plan, block, sums);
}

template <class T>
void run_block(const LengthPlan& plan, const Block<T>& block) {
  run_with_sums(plan, block, [&](const Sums& sums) {
    sum_windows(plan, block, sums);
    if (!plan.weights_are_finite) mend_borders(plan, block, sums);
  });
}

// All passes of a block whose windows all lie inside x, read there.
void sum_inside(const LengthPlan& plan, const Block<float>& block, const Sums& sums) {
  const std::int64_t start = window_start(plan.problem, block.first_l);
  for (std::int64_t c = 0; c < plan.group_in; c += plan.rows_in_place) {
    const Pass pass = {.x = block.x + c * plan.problem.length + start,
                       .channel_step = plan.problem.length,
                       .first_channel = c,
                       .channels = std::min(plan.rows_in_place, plan.group_in - c),
                       .first_tap = 0,
                       .taps = plan.problem.kernel_size,
                       .first = c == 0,
                       .in_x = true};
    sum_pass(plan, block, pass, sums);
  }
}

// A block of fewer outputs than a tile has, as the last ones of a tile that begins before it.
void run_end_of_tile(const LengthPlan& plan, const Block<float>& block) {
  const std::int64_t tile_l = plan.config.tile_l;
  // Whole vectors are read of the sums, from within a tile on, and past the end of the last row.
  HWY_ALIGN float buffer[length_max_sums + max_lanes];
  Block<float> tile = block;
  tile.first_l = block.last_l - tile_l;
  sum_inside(plan, tile, {buffer, tile_l, false});
  finish(plan, block, {buffer + (block.first_l - tile.first_l), tile_l, false});
}

// Splits a block at the first tile that needs no padding and behind the last that needs none, or
// behind the last such output, where that spares the window a tile.
void run_in_place(const LengthPlan& plan, const Block<float>& block) {
  const Problem& p = plan.problem;
  const std::int64_t tile_l = plan.config.tile_l;
  const std::int64_t padded =
      std::clamp<std::int64_t>(p.padding.left - block.first_l, 0, block.last_l - block.first_l);
  const std::int64_t from = std::min(block.last_l, block.first_l + round_up(padded, tile_l));
  const std::int64_t reach = (p.kernel_size - 1) * p.dilation - p.padding.left;
  const std::int64_t inside = std::max(from, std::min(block.last_l, p.length - reach));
  const std::int64_t whole = from + (inside - from) / tile_l * tile_l;
  const auto tiles_from = [&](std::int64_t t) { return ceil_div(block.last_l - t, tile_l); };
  const bool has_end =
      tiles_from(inside) < tiles_from(whole) && window_start(p, inside - tile_l) >= 0;
  const std::int64_t to = has_end ? inside : whole;
  const auto part = [&](std::int64_t first_l, std::int64_t last_l) {
    Block<float> b = block;
    b.first_l = first_l;
    b.last_l = last_l;
    return b;
  };
  if (from > block.first_l) run_block(plan, part(block.first_l, from));
  if (whole > from) {
    const Block<float> tiles = part(from, whole);
    run_with_sums(plan, tiles, [&](const Sums& sums) { sum_inside(plan, tiles, sums); });
  }
  if (to > whole) run_end_of_tile(plan, part(whole, to));
  if (block.last_l > to) run_block(plan, part(to, block.last_l));
}

template <class T>
void run_task(const LengthPlan& plan, const void* x, void* y, std::int64_t task) {
  const std::int64_t last = std::min(plan.units(), (task + 1) * plan.task_units);
  for (std::int64_t unit = task * plan.task_units; unit < last; ++unit) {
    const Block<T> block = block_of<T>(plan, x, y, unit);
    if constexpr (std::is_same_v<T, float>) {
      if (plan.config.window == 0) {
        run_in_place(plan, block);
        continue;
      }
    }
    run_block(plan, block);
  }
  // No lock makes other threads see such stores in time.
  if (plan.config.far != 0) hwy::FlushStream();
}

}  // namespace

LengthPlan::Task find_length_task(DType dtype) {
  return by_dtype(dtype, [](auto zero) -> LengthPlan::Task { return run_task<decltype(zero)>; });
}

LengthTile::Code find_tile(std::int64_t tile_c, std::int64_t tile_l) {
  return find_length_tile(tile_c, tile_l);
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_tile);
HWY_EXPORT(find_length_task);

LengthTile::Code length_tile(std::int64_t tile_c, std::int64_t tile_l) {
  return HWY_DYNAMIC_DISPATCH(find_tile)(tile_c, tile_l);
}

LengthPlan::Task length_task(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_length_task)(dtype); }

std::string length_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
