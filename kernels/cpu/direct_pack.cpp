#include <algorithm>

#include "kernels/cpu/direct.hpp"

namespace convtune {
namespace {

// Where a window is shared by the taps, each of its positions serves several.
bool shares_slots(const Problem& p, std::int64_t rows, std::int64_t taps) {
  return (rows - 1) * p.stride + (taps - 1) * p.dilation + 1 <= taps * rows;
}

std::int64_t slots_of(const Problem& p, std::int64_t rows, std::int64_t taps) {
  return shares_slots(p, rows, taps) ? (rows - 1) * p.stride + (taps - 1) * p.dilation + 1
                                     : taps * rows;
}

// Rows whose distance is a multiple of 256 bytes would share few sets of L1.
std::int64_t padded_row(std::int64_t floats) { return floats % 64 == 0 ? floats + 16 : floats; }

std::int64_t window_floats(const DirectPlan& plan) {
  const std::int64_t slots = slots_of(plan.problem, plan.block_l, plan.pass_taps);
  return plan.problem.layout == Layout::NLC ? slots * padded_row(plan.pass_channels)
                                            : padded_row(slots) * plan.pass_channels;
}

// First shorter blocks, as long as they make use of the weights, then fewer channels, then taps:
// one tap of few channels fits.
void fit_window(DirectPlan& plan) {
  constexpr std::int64_t short_block = 48, few_channels = 64;
  while (window_floats(plan) > direct_max_window) {
    if (plan.block_l > short_block) {
      plan.block_l = std::max(short_block, plan.block_l / 2);
    } else if (plan.pass_channels > few_channels) {
      plan.pass_channels = round_up(plan.pass_channels / 2, 16);
    } else {
      plan.pass_taps = ceil_div(plan.pass_taps, 2);
    }
  }
}

void plan_window(DirectPlan& plan) {
  const Problem& p = plan.problem;
  fit_window(plan);
  const std::int64_t slots = slots_of(p, plan.block_l, plan.pass_taps);
  const bool shared = shares_slots(p, plan.block_l, plan.pass_taps);
  plan.slot_row = shared ? p.stride : 1;
  plan.slot_tap = shared ? p.dilation : plan.block_l;
  const bool nlc = p.layout == Layout::NLC;
  plan.slot_step = nlc ? padded_row(plan.pass_channels) : 1;
  plan.channel_step = nlc ? 1 : padded_row(slots);
}

void plan_in_place(DirectPlan& plan) {
  const Problem& p = plan.problem;
  plan.slot_row = p.stride;
  plan.slot_tap = p.dilation;
  plan.slot_step = p.layout == Layout::NLC ? p.in_channels : 1;
  plan.channel_step = p.layout == Layout::NLC ? 1 : p.length;
}

void pack_tile(const DirectPlan& plan, const void* weight, std::int64_t group, std::int64_t tile,
               float* packed) {
  const Problem& p = plan.problem;
  const DirectConfig& config = plan.config;
  const std::int64_t channels = std::min(config.tile_c, plan.group_out - tile * config.tile_c);
  const std::int64_t width = width_of(plan, tile);
  const std::int64_t out = group * plan.group_out + tile * config.tile_c;
  const std::int64_t step_out = weight_index(p, 0, 0, 1) - weight_index(p, 0, 0, 0);
  for (std::int64_t first = 0; first < plan.group_in; first += plan.pass_channels) {
    const std::int64_t count = std::min(plan.pass_channels, plan.group_in - first);
    for (std::int64_t c = 0; c < count; ++c) {
      for (std::int64_t k = 0; k < p.kernel_size; ++k) {
        const std::int64_t at = plan.taps_inside ? c * p.kernel_size + k : k * count + c;
        widen(weight, p.dtype,
              {.first = weight_index(p, k, first + c, out), .step = step_out, .count = channels},
              packed + at * width, 1);
      }
    }
    packed += count * p.kernel_size * width;
  }
}

}  // namespace

void plan_passes(DirectPlan& plan) {
  const Problem& p = plan.problem;
  plan.block_l = std::min(plan.config.block_l, plan.length_out);
  plan.pass_taps = p.kernel_size;
  plan.pass_channels = plan.config.block_c == 0 ? plan.group_in : plan.config.block_c;
  plan.task_tiles = 1;
  if (p.dtype == DType::float32) {
    plan_in_place(plan);
  } else {
    plan_window(plan);
    if (plan.one_pass()) {
      plan.task_tiles = std::max<std::int64_t>(1, direct_window_channels / plan.config.tile_c);
    }
  }
  // The longer loop inside, but where the two are one, as channels of neighbouring taps lie in
  // turn.
  plan.taps_inside = plan.pass_taps > plan.pass_channels &&
                     plan.slot_tap * plan.slot_step != plan.pass_channels * plan.channel_step;
  plan.blocks_l = ceil_div(plan.length_out, plan.block_l);
  plan.blocks_c = ceil_div(plan.tiles_c, plan.task_tiles);
  // What a pass reads of the weights, it reads once for all batch rows of a task; but there must be
  // tasks for many threads.
  constexpr std::int64_t many_tasks = 64;
  const std::int64_t tasks = p.batch * p.num_groups * plan.blocks_c * plan.blocks_l;
  const std::int64_t fitting = plan.one_pass() ? 1 : plan.config.block_l / plan.length_out;
  plan.block_n = std::max<std::int64_t>(1, std::min(fitting, tasks / many_tasks));
  plan.blocks_n = ceil_div(p.batch, plan.block_n);
}

void pack(DirectPlan& plan, const void* weight, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t tile_c = plan.config.tile_c;
  const std::int64_t tile_floats = plan.group_in * p.kernel_size * tile_c;
  const std::int64_t tiles = p.num_groups * plan.tiles_c;
  plan.weights = zeroed_floats(tiles * tile_floats);
  plan.bias = zeroed_floats(tiles * tile_c);
  for (std::int64_t group = 0; group < p.num_groups; ++group) {
    for (std::int64_t tile = 0; tile < plan.tiles_c; ++tile) {
      const std::int64_t index = group * plan.tiles_c + tile;
      pack_tile(plan, weight, group, tile, plan.weights.get() + index * tile_floats);
      if (bias == nullptr) continue;
      const std::int64_t first = group * plan.group_out + tile * tile_c;
      const std::int64_t last = std::min(first + tile_c, (group + 1) * plan.group_out);
      for (std::int64_t c = first; c < last; ++c) {
        plan.bias[index * tile_c + c - first] = load_element(bias, p.dtype, c);
      }
    }
  }
}

}  // namespace convtune
