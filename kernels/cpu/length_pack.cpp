#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/length.hpp"
#include "kernels/cpu/window.hpp"

namespace convtune {
namespace {

constexpr std::int64_t many_rows = 8;  // as many as hardware follows
constexpr std::int64_t multiply_adds_of_a_task = 1 << 18;

bool comes_from_afar(const Problem& problem) {
  return input_elements(problem) * static_cast<std::int64_t>(size_of(problem.dtype)) >=
         length_near_bytes;
}

// Rows of the window that one channel needs for `taps` taps.
std::vector<std::int64_t> phases_of(const Problem& p, std::int64_t taps) {
  std::vector<std::int64_t> phases;
  if (p.stride <= 4) {
    for (std::int64_t phase = 0; phase < p.stride; ++phase) phases.push_back(phase);
    return phases;
  }
  for (std::int64_t k = 0; k < taps; ++k) {
    const std::int64_t phase = k * p.dilation % p.stride;
    if (std::find(phases.begin(), phases.end(), phase) == phases.end()) phases.push_back(phase);
  }
  return phases;
}

// Taps share a window unless their span is longer than all of them laid out one by one.
void plan_window(LengthPlan& plan) {
  const Problem& p = plan.problem;
  const std::int64_t most = std::max(plan.config.window, length_small_window);
  const std::int64_t outputs =
      round_up(std::min(plan.config.block_l, plan.length_out), plan.config.tile_l);
  plan.pass_taps = p.dilation / p.stride > outputs ? 1 : p.kernel_size;
  while (true) {
    plan.phases = phases_of(p, plan.pass_taps);
    plan.row_floats = round_up(outputs + (plan.pass_taps - 1) * p.dilation / p.stride, 16);
    if (plan.channel_floats() <= most || plan.pass_taps == 1) break;
    plan.pass_taps = ceil_div(plan.pass_taps, 2);
  }
  plan.pass_channels = std::clamp<std::int64_t>(most / plan.channel_floats(), 1, plan.group_in);
  const std::int64_t taps = plan.config.window == 0 ? p.kernel_size : plan.pass_taps;
  for (std::int64_t k = 0; k < taps; ++k) {
    const auto phase = std::find(plan.phases.begin(), plan.phases.end(), k * p.dilation % p.stride);
    plan.offsets.push_back((phase - plan.phases.begin()) * plan.row_floats +
                           k * p.dilation / p.stride);
  }
}

// Tasks are long enough to be worth a thread.
void plan_tasks(LengthPlan& plan) {
  const LengthConfig& config = plan.config;
  plan.task_tiles = std::min(plan.tiles_c, length_max_sums / (config.tile_c * config.block_l));
  plan.blocks_c = ceil_div(plan.tiles_c, plan.task_tiles);
  plan.blocks_l = ceil_div(plan.length_out, config.block_l);
  const std::int64_t work = std::min(config.block_l, plan.length_out) * plan.task_tiles *
                            config.tile_c * (plan.group_in * plan.problem.kernel_size + 8);
  plan.task_units = ceil_div(multiply_adds_of_a_task, work);
}

}  // namespace

bool takes_rows_in_turn(const Problem& problem) {
  return out_channels_per_group(problem) * problem.kernel_size <= 8 && comes_from_afar(problem) &&
         output_length(problem) >= length_long_row;
}

void plan_passes(LengthPlan& plan) {
  plan_window(plan);
  plan_tasks(plan);
  plan.rows_in_place = plan.group_in;
  if (takes_rows_in_turn(plan.problem)) {
    plan.rows_in_place = ceil_div(plan.group_in, ceil_div(plan.group_in, many_rows));
  }
  const std::int64_t rows = plan.config.window == 0 ? plan.rows_in_place : plan.group_in;
  plan.x_is_large = rows > many_rows && comes_from_afar(plan.problem);
}

void pack(LengthPlan& plan, const void* weight, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t tile_c = plan.config.tile_c;
  const std::int64_t tiles = p.num_groups * plan.tiles_c;
  const std::int64_t taps = plan.group_in * p.kernel_size;
  plan.weights = zeroed_floats(tiles * taps * tile_c);
  plan.bias = zeroed_floats(tiles * tile_c);
  for (std::int64_t out = 0; out < p.out_channels; ++out) {
    const std::int64_t group = out / plan.group_out;
    const std::int64_t in_group = out % plan.group_out;
    const std::int64_t tile = group * plan.tiles_c + in_group / tile_c;
    if (bias != nullptr) {
      plan.bias[tile * tile_c + in_group % tile_c] = load_element(bias, p.dtype, out);
    }
    float* packed = plan.weights.get() + tile * taps * tile_c + in_group % tile_c;
    // The taps of all input channels of an output channel lie side by side: this family is NCL's.
    widen(weight, p.dtype, {.first = weight_index(p, 0, 0, out), .step = 1, .count = taps}, packed,
          tile_c);
  }
  plan.weights_are_finite =
      std::all_of(plan.weights.get(), plan.weights.get() + tiles * taps * tile_c,
                  [](float weight_of_tile) { return std::isfinite(weight_of_tile); });
}

}  // namespace convtune
