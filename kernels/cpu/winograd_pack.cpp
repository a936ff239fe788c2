#include <algorithm>
#include <cstddef>

#include "kernels/cpu/window.hpp"
#include "kernels/cpu/winograd.hpp"
#include "kernels/cpu/winograd_patch.hpp"

namespace convtune {
namespace {

template <std::size_t m>
void pack_patches(WinogradPlan& plan, const void* weight, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t tiles = p.num_groups * plan.tiles_c;
  const std::int64_t product = plan.group_in * plan.tile_c;
  plan.weights = zeroed_floats(tiles * plan.products() * product);
  plan.bias = zeroed_floats(tiles * plan.tile_c);
  for (std::int64_t out = 0; out < p.out_channels; ++out) {
    const std::int64_t in_group = out % plan.group_out;
    const std::int64_t tile = out / plan.group_out * plan.tiles_c + in_group / plan.tile_c;
    const std::int64_t column = in_group % plan.tile_c;
    if (bias != nullptr) plan.bias[tile * plan.tile_c + column] = load_element(bias, p.dtype, out);
    float* packed = plan.weights.get() + tile * plan.products() * product + column;
    for (std::int64_t in = 0; in < plan.group_in; ++in, packed += plan.tile_c) {
      const auto tap = [&](std::int64_t k) {
        return double{load_element(weight, p.dtype, weight_index(p, k, in, out))};
      };
      const double taps[] = {tap(0), tap(1), tap(2)};
      float* to = packed;
      for (const auto& row : Patch<m>::weight) {
        *to = static_cast<float>(row[0] * taps[0] + row[1] * taps[1] + row[2] * taps[2]);
        to += product;
      }
    }
  }
}

}  // namespace

std::int64_t all_patches(const Problem& problem, std::int64_t outputs) {
  const std::int64_t run = outputs * problem.dilation;
  const std::int64_t rest = output_length(problem) % run;
  return output_length(problem) / run * problem.dilation + std::min(rest, problem.dilation);
}

std::int64_t task_patches(const Problem& problem, const WinogradConfig& config) {
  const std::int64_t patches =
      std::min(config.block / config.outputs, all_patches(problem, config.outputs));
  return problem.layout == Layout::NLC ? patches : round_up(patches, config.columns);
}

void plan_passes(WinogradPlan& plan) {
  const Problem& p = plan.problem;
  const bool nlc = p.layout == Layout::NLC;
  plan.tile_c = nlc ? plan.config.columns : plan.config.rows;
  plan.tiles_c = ceil_div(plan.group_out, plan.tile_c);
  plan.all_patches = all_patches(p, plan.config.outputs);
  plan.patches = task_patches(p, plan.config);
  // In NLC rows whose distance is a multiple of 256 bytes would share few sets of L1.
  constexpr std::int64_t padding = 16;
  const std::int64_t of_a_channel = plan.products() * plan.patches;
  const std::int64_t most = winograd_max_input / of_a_channel / padding * padding - padding;
  plan.pass_channels = std::min(plan.group_in, most);
  plan.row_step = round_up(plan.pass_channels, padding);
  if (plan.row_step % 64 == 0) plan.row_step += padding;
  plan.blocks_l = ceil_div(plan.all_patches, plan.patches);
  // All channels share transformed patches where that leaves enough tasks for many threads.
  constexpr std::int64_t many_tasks = 32;
  const bool all = plan.one_pass() && p.batch * p.num_groups * plan.blocks_l >= many_tasks;
  plan.task_tiles = all ? plan.tiles_c : winograd_task_channels / plan.tile_c;
  plan.blocks_c = ceil_div(plan.tiles_c, plan.task_tiles);
}

void pack(WinogradPlan& plan, const void* weight, const void* bias) {
  plan.config.outputs == 2 ? pack_patches<2>(plan, weight, bias)
                           : pack_patches<4>(plan, weight, bias);
}

}  // namespace convtune
