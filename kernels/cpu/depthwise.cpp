#include "kernels/cpu/depthwise.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/cache.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"
#include "kernels/cpu/window.hpp"

namespace convtune {
namespace {

constexpr std::array<std::int64_t, 4> tiles_l = {1, 2, 4, 8};
constexpr std::array<std::int64_t, 6> tiles_c = {1, 4, 8, 16, 32, 64};
constexpr std::array<std::int64_t, 2> blocks_l = {64, 512};
constexpr std::array<std::int64_t, 3> blocks_c = {16, 128, 1024};
constexpr std::array<std::int64_t, 2> fars = {0, 1};

bool depthwise(const Problem& problem, const Config&, const DeviceProperties&) {
  return is_depthwise(problem);
}

// In NCL: positions of x or y that the stack holds of a task's channels.
std::int64_t turned_positions(const Config& config) {
  return depthwise_max_turned / round_up(config.at("block_c"), config.at("tile_c"));
}

// Positions that the taps of an output reach beyond the first.
std::int64_t reach(const Problem& problem) { return (problem.kernel_size - 1) * problem.dilation; }

// Output positions of a task, in NCL so many that the stack holds what they read; perhaps none.
std::int64_t task_outputs(const Problem& problem, const Config& config) {
  const std::int64_t block_l = config.at("block_l");
  if (problem.layout == Layout::NLC) return block_l;
  const std::int64_t positions = turned_positions(config);
  if (problem.length <= positions) return std::min(block_l, positions);
  if (reach(problem) >= positions) return 0;
  return std::min(block_l, (positions - 1 - reach(problem)) / problem.stride + 1);
}

// What is turned twice, at the ends of tasks, must not be most of it.
bool fits_turned(const Problem& problem, const Config& config, const DeviceProperties&) {
  if (problem.layout == Layout::NLC) return config.at("block_c") != blocks_c[0];
  const std::int64_t outputs = task_outputs(problem, config);
  const std::int64_t twice = std::min(reach(problem), problem.length);
  return outputs >= output_length(problem) ||
         outputs >= std::max<std::int64_t>(1, ceil_div(twice, problem.stride));
}

// To turn an element takes as long as some taps do in cpu_length, more so where it is widened and
// rounded in a step of its own; rows of x that are far longer than what a task reads of them lie
// too far apart. Channels that do not fill a vector would leave most of it idle, and several of y
// for each of x are summed position by position.
bool is_worth_turning(const Problem& problem, const Config&, const DeviceProperties& device) {
  if (problem.layout == Layout::NLC || problem.length <= 48) return true;
  const bool is_float = problem.dtype == DType::float32;
  const std::int64_t short_row = is_float ? 256 : 128, long_row = 2048;
  const std::int64_t many_taps = is_float ? 7 : 24;
  return problem.out_channels == problem.in_channels &&
         problem.out_channels >= lanes_of(device.arch) &&
         (problem.length <= short_row ||
          (problem.kernel_size / problem.stride >= many_taps && problem.length <= long_row));
}

bool whole_vectors(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t lanes = lanes_of(device.arch);
  const std::int64_t tile_c = config.at("tile_c");
  const bool part = (tile_c == 4 || tile_c == 8) && tile_c < lanes;
  return part || tile_c == lanes || tile_c == 2 * lanes || tile_c == 4 * lanes;
}

bool fits_registers(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t vectors = ceil_div(config.at("tile_c"), lanes_of(device.arch));
  return config.at("tile_l") * vectors + 2 <= registers_of(device.arch);
}

// Whether a smaller one of `values`, but at least `least`, covers `size` as well.
template <class Values>
bool oversized(const Values& values, std::int64_t value, std::int64_t least, std::int64_t size) {
  return std::any_of(values.begin(), values.end(),
                     [&](std::int64_t v) { return v < value && v >= least && v >= size; });
}

bool fits_output(const Problem& problem, const Config& config, const DeviceProperties& device) {
  const std::int64_t length = output_length(problem);
  const std::int64_t least = std::min<std::int64_t>(lanes_of(device.arch), 4);
  const std::int64_t least_block = problem.layout == Layout::NLC ? blocks_c[1] : blocks_c[0];
  return !oversized(blocks_l, config.at("block_l"), 1, length) &&
         !oversized(blocks_c, config.at("block_c"), least_block, problem.out_channels) &&
         !oversized(tiles_l, config.at("tile_l"), 1, length) &&
         !oversized(tiles_c, config.at("tile_c"), least, problem.out_channels);
}

bool few_idle_lanes(const Problem& problem, const Config& config, const DeviceProperties& device) {
  const std::int64_t lanes = lanes_of(device.arch);
  const std::int64_t tile_c = config.at("tile_c");
  const std::int64_t issued = ceil_div(problem.out_channels, tile_c) * ceil_div(tile_c, lanes);
  return issued * 4 <= ceil_div(problem.out_channels, lanes) * 5;
}

bool is_large(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("far") == 0 ||
         (problem.layout == Layout::NLC && compulsory_bytes(problem) >= far_bytes);
}

Config make_config(const DepthwiseConfig& c) {
  return {.family = "cpu_depthwise",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"block_l", c.block_l},
                       {"block_c", c.block_c},
                       {"far", c.far}}};
}

// The largest tile of at most eight vectors of sums, enough to hide the latency of an addition, and
// as many channels as lie side by side. Of what is turned at most a quarter is turned twice, where
// longer blocks help.
Config default_config(const Problem& problem, const DeviceProperties& device) {
  const std::int64_t lanes = lanes_of(device.arch);
  DepthwiseConfig best = {1, 1, blocks_l.front(), blocks_c.back(), 1};
  if (!is_large(problem, make_config(best), device)) best.far = 0;
  if (problem.layout == Layout::NLC) {
    if (problem.out_channels <= blocks_c[1]) best.block_c = blocks_c[1];
  } else {
    for (const std::int64_t block_c : blocks_c) {
      DepthwiseConfig block = best;
      block.block_c = block_c;
      const bool whole_rows = problem.length <= turned_positions(make_config(block));
      if (whole_rows || block_c == blocks_c[0]) best.block_c = block_c;
      if (block_c >= problem.out_channels) break;
    }
    if (ceil_div(reach(problem), problem.stride) > best.block_l / 4) best.block_l = blocks_l.back();
    if (output_length(problem) <= blocks_l.front()) best.block_l = blocks_l.front();
  }
  const std::int64_t most_rows =
      std::min(output_length(problem), task_outputs(problem, make_config(best)));
  for (const std::int64_t tile_l : tiles_l) {
    if (tile_l > most_rows) break;
    for (const std::int64_t tile_c : tiles_c) {
      const DepthwiseConfig tile = {tile_l, tile_c, best.block_l, best.block_c, best.far};
      const Constraint* broken =
          broken_constraint(cpu_depthwise(), problem, make_config(tile), device);
      if (broken != nullptr && broken->holds != depthwise && broken->holds != is_worth_turning) {
        continue;
      }
      if (tile_l * tile_c >= best.tile_l * best.tile_c && tile_l * tile_c <= 8 * lanes) best = tile;
    }
  }
  return make_config(best);
}

Cost cost(const Problem& problem, const Config&, const DeviceProperties&) {
  return {.bytes = static_cast<double>(compulsory_bytes(problem)),
          .flops = 2 * static_cast<double>(valid_taps_in_all(problem)) *
                   static_cast<double>(problem.batch * problem.out_channels)};
}

void pack(DepthwisePlan& plan, const void* weight, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t tile_c = plan.config.tile_c;
  const std::int64_t padded_channels = round_up(p.out_channels, tile_c);
  plan.weights = zeroed_floats(p.kernel_size * padded_channels);
  plan.bias = zeroed_floats(padded_channels);
  for (std::int64_t c = 0; c < p.out_channels; ++c) {
    if (bias != nullptr) plan.bias[c] = load_element(bias, p.dtype, c);
    for (std::int64_t k = 0; k < p.kernel_size; ++k) {
      plan.weights[(c / tile_c * p.kernel_size + k) * tile_c + c % tile_c] =
          load_element(weight, p.dtype, weight_index(p, k, 0, c));
    }
  }
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  auto plan = std::make_shared<DepthwisePlan>();
  plan->problem = simplified(problem);
  plan->config = {config.at("tile_l"), config.at("tile_c"), config.at("block_l"),
                  round_up(config.at("block_c"), config.at("tile_c")), config.at("far")};
  plan->task = depthwise(problem, config, {}) && fits_turned(problem, config, {}) &&
                       is_large(problem, config, {})
                   ? depthwise_task(problem.dtype, plan->config)
                   : nullptr;
  if (plan->task == nullptr) {
    refuse_config(problem, config);
  }
  // Parts of a cache line would each be written to memory, and parts of a tile behind their row.
  plan->past_caches =
      plan->config.far != 0 && problem.activation == Activation::none &&
      plan->config.tile_c * static_cast<std::int64_t>(size_of(problem.dtype)) % cache_line == 0 &&
      problem.out_channels % plan->config.tile_c == 0;
  plan->length_out = output_length(plan->problem);
  plan->multiplier = out_channels_per_group(problem);
  plan->block_l = task_outputs(plan->problem, config);
  plan->blocks_l = ceil_div(plan->length_out, plan->block_l);
  plan->blocks_c = ceil_div(problem.out_channels, plan->config.block_c);
  for (std::int64_t i = 0; i < plan->multiplier + plan->config.tile_c; ++i) {
    plan->inputs.push_back(static_cast<std::int32_t>(i / plan->multiplier));
  }
  pack(*plan, weight, bias);
  return plan;
}

void run(const void* prepared, const void* x, void* y, ThreadPool& pool) {
  const auto& plan = *static_cast<const DepthwisePlan*>(prepared);
  run_tasks(plan, plan.problem.batch * plan.blocks_c * plan.blocks_l, x, y, pool);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return depthwise_digest();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run};

}  // namespace

const Family& cpu_depthwise() {
  static const Family family = {
      .name = "cpu_depthwise",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary =
          "depthwise convolution, lanes along channels; NLC, and NCL of short length or many taps",
      .parameters =
          {{"tile_l", {tiles_l.begin(), tiles_l.end()}, "output positions of a register tile"},
           {"tile_c", {tiles_c.begin(), tiles_c.end()}, "output channels of a register tile"},
           {"block_l", {blocks_l.begin(), blocks_l.end()}, "output positions of a task"},
           {"block_c",
            {blocks_c.begin(), blocks_c.end()},
            "output channels of a task, rounded up to tile_c"},
           {"far",
            {fars.begin(), fars.end()},
            "1: x is fetched ahead, and y stored past the caches where its tiles are cache lines"}},
      .constraints =
          {{"depthwise", "as many groups as input channels, and more than one", depthwise},
           {"fits_turned",
            "block_c is at least 128 in NLC; in NCL a task, of what 6144 floats hold, has whole "
            "rows, or as many positions as the taps of one reach",
            fits_turned},
           {"worth_turning",
            "the layout is NLC, or x has at most 48 positions; or a vector of channels, y no more, "
            "and at most 256 positions (128 in 16 bits), or at most 2048 and the kernel at least 7 "
            "taps (24) times the stride",
            is_worth_turning},
           {"large", "far is 0, or the layout is NLC and the arrays have at least 16 MiB",
            is_large},
           {"whole_vectors", "tile_c is 4 or 8 lanes of a longer vector, or 1, 2 or 4 whole ones",
            whole_vectors},
           {"fits_registers", "the tile, a vector of x and one of weights fit in the registers",
            fits_registers},
           {"fits_output", "no smaller value of a parameter covers the output as well",
            fits_output},
           {"few_idle_lanes", "rounding the channels up to tile_c costs at most 25 %",
            few_idle_lanes}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .cpu = &kernel};
  return family;
}

}  // namespace convtune
