#include "kernels/cpu/length.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/cache.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"
#include "kernels/cpu/window.hpp"

namespace convtune {
namespace {

constexpr std::array<std::int64_t, 6> tiles_l = {4, 8, 16, 32, 48, 64};
constexpr std::array<std::int64_t, 6> tiles_c = {1, 2, 4, 6, 8, 12};
constexpr std::array<std::int64_t, 4> blocks_l = {64, 256, length_long_row, 16384};
constexpr std::array<std::int64_t, 3> windows = {0, length_small_window, length_max_window};
constexpr std::array<std::int64_t, 2> fars = {0, 1};
constexpr std::int64_t longest_block = blocks_l.back();
constexpr std::int64_t few_channels = 8;

// Blocks are whole tiles.
LengthConfig parse(const Config& config) {
  return {.tile_l = config.at("tile_l"),
          .tile_c = config.at("tile_c"),
          .block_l = round_up(config.at("block_l"), config.at("tile_l")),
          .window = config.at("window"),
          .far = config.at("far")};
}

std::int64_t vectors_of(std::int64_t tile_l, std::int64_t lanes) { return ceil_div(tile_l, lanes); }

// The layouts of a single channel are the same.
bool ncl(const Problem& problem, const Config&, const DeviceProperties&) {
  return problem.layout == Layout::NCL || (problem.in_channels == 1 && problem.out_channels == 1);
}

// Lanes along the channels would be used twice as well.
bool enough_positions(const Problem& problem, const Config&, const DeviceProperties& device) {
  return 2 * output_length(problem) >=
         std::min<std::int64_t>(out_channels_per_group(problem), lanes_of(device.arch));
}

bool whole_vectors(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t lanes = lanes_of(device.arch);
  const std::int64_t tile_l = config.at("tile_l");
  return tile_l % lanes == 0 && tile_l / lanes <= 4;
}

bool fits_registers(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t vectors = vectors_of(config.at("tile_l"), lanes_of(device.arch));
  return (config.at("tile_c") + 1) * vectors < registers_of(device.arch);
}

bool fits_output(const Problem& problem, const Config& config, const DeviceProperties& device) {
  const std::int64_t length = output_length(problem);
  const std::int64_t lanes = std::max<std::int64_t>(lanes_of(device.arch), tiles_l.front());
  return config.at("tile_l") <= covering(tiles_l, std::max(length, lanes)) &&
         config.at("block_l") <= covering(blocks_l, length) &&
         config.at("tile_c") <= covering(tiles_c, out_channels_per_group(problem));
}

bool few_idle_rows(const Problem& problem, const Config& config, const DeviceProperties&) {
  const std::int64_t channels = out_channels_per_group(problem);
  const std::int64_t tile_c = config.at("tile_c");
  return tile_c <= 2 || tile_c == covering(tiles_c, channels) ||
         round_up(channels, tile_c) * 4 <= channels * 5;
}

bool hides_latency(const Problem& problem, const Config& config, const DeviceProperties& device) {
  const std::int64_t tile_c = config.at("tile_c");
  const std::int64_t sums = tile_c * vectors_of(config.at("tile_l"), lanes_of(device.arch));
  const std::int64_t most = registers_of(device.arch) == 32 ? 16 : 8;
  return sums >= most || tile_c >= out_channels_per_group(problem) ||
         config.at("tile_l") >= output_length(problem);
}

bool sums_fit(const Problem&, const Config& config, const DeviceProperties&) {
  return config.at("tile_c") * round_up(config.at("block_l"), config.at("tile_l")) <=
         length_max_sums;
}

bool long_blocks_are_thin(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("block_l") < length_long_row || takes_rows_in_turn(problem) ||
         in_channels_per_group(problem) <= few_channels;
}

bool longest_blocks_read_rows_in_turn(const Problem& problem, const Config& config,
                                      const DeviceProperties&) {
  return config.at("block_l") < longest_block ||
         (takes_rows_in_turn(problem) && config.at("window") == 0);
}

bool readable_in_place(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("window") != 0 || (problem.dtype == DType::float32 && problem.stride == 1);
}

bool window_is_used(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("window") < length_max_window ||
         in_channels_per_group(problem) > windows[1] / config.at("block_l") / problem.stride;
}

bool is_large(const Problem& problem) {
  const std::int64_t row =
      output_length(problem) * static_cast<std::int64_t>(size_of(problem.dtype));
  return compulsory_bytes(problem) >= far_bytes && row % cache_line == 0;
}

// Parts of a cache line would each be written to memory.
bool stores_lines(const Problem& problem, const Config& config, const DeviceProperties&) {
  constexpr std::int64_t line = cache_line / 4;
  return config.at("far") == 0 || (is_large(problem) && config.at("tile_l") % line == 0);
}

Config make_config(const LengthConfig& c) {
  return {.family = "cpu_length",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"block_l", c.block_l},
                       {"window", c.window},
                       {"far", c.far}}};
}

// Multiply-adds that are wanted for each cycle that two multiply-adds, two loads, or one load
// across a cache line take.
double tile_speed(const Problem& problem, const LengthConfig& c, std::int64_t lanes) {
  const auto vectors = static_cast<double>(vectors_of(c.tile_l, lanes));
  const auto channels = static_cast<double>(c.tile_c);
  const double cycles = std::max(channels * vectors / 2, vectors + channels / 2);
  const auto used = [](std::int64_t size, std::int64_t tile) {
    return static_cast<double>(size) / static_cast<double>(round_up(size, tile));
  };
  return channels * vectors / cycles * std::min(1.0, channels * vectors / 8) *
         used(out_channels_per_group(problem), c.tile_c) * used(output_length(problem), c.tile_l);
}

Config default_config(const Problem& problem, const DeviceProperties& device) {
  const std::int64_t group_out = out_channels_per_group(problem);
  const bool thin = in_channels_per_group(problem) <= few_channels;
  const bool few = thin || group_out <= few_channels;  // little is summed over what is laid out
  const bool in_place = problem.dtype == DType::float32 && problem.stride == 1;
  // Rows of x and y that come from memory should be long, if all channels' still fit one window or,
  // read in place for each tile anew, the nearest cache.
  const bool exceeds_l2 = (input_elements(problem) + output_elements(problem)) *
                              static_cast<std::int64_t>(size_of(problem.dtype)) >
                          length_near_bytes;
  const bool wide =
      in_channels_per_group(problem) >
      (in_place ? length_near_window : length_max_window) / blocks_l[1] / problem.stride;
  LengthConfig base = {.block_l = blocks_l[few || (exceeds_l2 && !wide) ? 1 : 0]};
  const bool few_sums = in_place || length_long_row * group_out <= length_max_sums;
  if ((thin || takes_rows_in_turn(problem)) && few_sums) base.block_l = length_long_row;
  // As large as the sums of one output channel may be, where each thread still has several.
  const std::int64_t longest_blocks =
      problem.batch * problem.num_groups * ceil_div(output_length(problem), longest_block);
  if (in_place && takes_rows_in_turn(problem) && group_out == 1 &&
      longest_blocks >= 4 * std::max(device.units, 1)) {
    base.block_l = longest_block;
  }
  base.block_l = covering(blocks_l, std::min(output_length(problem), base.block_l));
  base.window = in_place ? windows[0] : windows[2];
  if (!window_is_used(problem, make_config(base), device)) base.window = windows[1];
  LengthConfig best = base;
  double best_speed = 0;
  for (const std::int64_t tile_l : tiles_l) {
    for (const std::int64_t tile_c : tiles_c) {
      LengthConfig tile = base;
      tile.tile_l = tile_l;
      tile.tile_c = tile_c;
      tile.far = 1;
      if (!stores_lines(problem, make_config(tile), device)) tile.far = 0;
      const Constraint* broken =
          broken_constraint(cpu_length(), problem, make_config(tile), device);
      if (broken != nullptr && broken->holds != ncl && broken->holds != enough_positions) continue;
      const double speed = tile_speed(problem, tile, lanes_of(device.arch));
      if (speed <= best_speed) continue;
      best_speed = speed;
      best = tile;
    }
  }
  return make_config(best);
}

Cost cost(const Problem& problem, const Config& config, const DeviceProperties&) {
  const std::int64_t channels =
      round_up(out_channels_per_group(problem), config.at("tile_c")) * problem.num_groups;
  const std::int64_t positions = round_up(output_length(problem), config.at("tile_l"));
  const auto weights = static_cast<double>(channels * in_channels_per_group(problem)) *
                       static_cast<double>(problem.kernel_size);
  const auto x_and_y = static_cast<double>(input_elements(problem) + output_elements(problem));
  return {.bytes = 4 * weights + static_cast<double>(size_of(problem.dtype)) * x_and_y,
          .flops = 2 * static_cast<double>(problem.batch * positions) * weights};
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  auto plan = std::make_shared<LengthPlan>();
  plan->problem = simplified(problem);
  plan->config = parse(config);
  plan->tile = length_tile(plan->config.tile_c, plan->config.tile_l);
  plan->task = length_task(problem.dtype);
  const DeviceProperties any;
  if (plan->tile == nullptr || !ncl(problem, config, any) || !sums_fit(problem, config, any) ||
      !readable_in_place(problem, config, any) || !stores_lines(problem, config, any) ||
      !longest_blocks_read_rows_in_turn(problem, config, any)) {
    refuse_config(problem, config);
  }
  plan->length_out = output_length(plan->problem);
  plan->group_in = in_channels_per_group(problem);
  plan->group_out = out_channels_per_group(problem);
  plan->tiles_c = ceil_div(plan->group_out, plan->config.tile_c);
  plan_passes(*plan);
  pack(*plan, weight, bias);
  return plan;
}

void run(const void* prepared, const void* x, void* y, ThreadPool& pool) {
  const auto& plan = *static_cast<const LengthPlan*>(prepared);
  run_tasks(plan, ceil_div(plan.units(), plan.task_units), x, y, pool);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return length_digest();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run};

}  // namespace

const Family& cpu_length() {
  static const Family family = {
      .name = "cpu_length",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary =
          "direct convolution, lanes along the length of a window laid out in float32; NCL, "
          "or a single channel",
      .parameters =
          {{"tile_l", {tiles_l.begin(), tiles_l.end()}, "output positions of a register tile"},
           {"tile_c", {tiles_c.begin(), tiles_c.end()}, "output channels of a register tile"},
           {"block_l",
            {blocks_l.begin(), blocks_l.end()},
            "output positions of a task, rounded up to tile_l"},
           {"window",
            {windows.begin(), windows.end()},
            "most floats of x laid out at once; 0: x is read where it lies"},
           {"far", {fars.begin(), fars.end()}, "1: y is stored past the caches"}},
      .constraints =
          {{"ncl", "the layout is NCL, or x and y have one channel", ncl},
           {"enough_positions",
            "the output has half as many positions as a group has channels, or a vector lanes",
            enough_positions},
           {"whole_vectors", "tile_l is one to four whole vectors", whole_vectors},
           {"fits_registers", "the tile, vectors of x and a weight fit in the registers",
            fits_registers},
           {"fits_output", "no smaller value of a parameter covers the output as well",
            fits_output},
           {"few_idle_rows",
            "rounding the channels of a group up to tile_c costs at most 25 %, or tile_c is the "
            "smallest that covers them, or at most 2",
            few_idle_rows},
           {"hides_latency",
            "the tile has 16 vectors of sums (8 of 16 registers), or covers the channels of a "
            "group or the length",
            hides_latency},
           {"sums_fit", "tile_c * block_l, rounded up to tile_l, is at most 16384", sums_fit},
           {"long_blocks_are_thin",
            "blocks of 1024 and more are for at most 8 input channels a group, or rows of y of at "
            "least 1024 and an x of at least 2 MiB, each element of which meets at most 8 weights",
            long_blocks_are_thin},
           {"longest_blocks_read_rows_in_turn",
            "blocks of 16384 are for window 0, rows of y of at least 1024 and an x of at least "
            "2 MiB, each element of which meets at most 8 weights",
            longest_blocks_read_rows_in_turn},
           {"readable_in_place", "window 0 is for float32 with stride 1", readable_in_place},
           {"window_is_used", "the largest window is for more x than the next fits",
            window_is_used},
           {"stores_lines",
            "far is 0, or the arrays have at least 16 MiB, and y's rows and tiles are cache lines",
            stores_lines}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .cpu = &kernel};
  return family;
}

}  // namespace convtune
