#include "kernels/cpu/direct.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/cache.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"
#include "kernels/cpu/window.hpp"

namespace convtune {
namespace {

constexpr std::array<std::int64_t, 5> tiles_l = {2, 4, 6, 8, 12};
constexpr std::array<std::int64_t, 7> tiles_c = {4, 8, 16, 24, 32, 48, 64};
constexpr std::array<std::int64_t, 2> blocks_l = {48, 192};

DirectConfig parse(const Config& config) {
  return {.tile_l = config.at("tile_l"),
          .tile_c = config.at("tile_c"),
          .block_l = config.at("block_l"),
          .block_c = config.at("block_c"),
          .channels_first = config.at("channels_first")};
}

std::int64_t vectors_of(std::int64_t tile_c, std::int64_t lanes) { return ceil_div(tile_c, lanes); }

bool whole_vectors(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t lanes = lanes_of(device.arch);
  const std::int64_t tile_c = config.at("tile_c");
  return tile_c < lanes || (tile_c % lanes == 0 && tile_c / lanes <= 4);
}

bool tile_fits_registers(std::int64_t tile_l, std::int64_t tile_c, std::string_view arch) {
  return (tile_l + 1) * vectors_of(tile_c, lanes_of(arch)) + 1 <= registers_of(arch);
}

bool fits_registers(const Problem&, const Config& config, const DeviceProperties& device) {
  return tile_fits_registers(config.at("tile_l"), config.at("tile_c"), device.arch);
}

std::int64_t largest_tile_l(const Problem& problem) {
  std::int64_t largest = tiles_l.front();
  for (const std::int64_t tile : tiles_l) {
    if (tile <= output_length(problem)) largest = tile;
  }
  return largest;
}

bool hides_latency(const Problem& problem, const Config& config, const DeviceProperties& device) {
  const std::int64_t tile_l = config.at("tile_l");
  const std::int64_t tile_c = config.at("tile_c");
  const std::int64_t most = registers_of(device.arch) == 32 ? 16 : 12;
  if (tile_l * vectors_of(tile_c, lanes_of(device.arch)) >= most) return true;
  const std::int64_t largest = largest_tile_l(problem);
  return std::none_of(tiles_l.begin(), tiles_l.end(), [&](std::int64_t larger) {
    return larger > tile_l && larger <= largest && tile_fits_registers(larger, tile_c, device.arch);
  });
}

bool fits_length(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("tile_l") <= largest_tile_l(problem) &&
         (config.at("block_l") == blocks_l.front() || output_length(problem) > blocks_l.front());
}

bool fits_group(const Problem& problem, const Config& config, const DeviceProperties&) {
  return std::none_of(tiles_c.begin(), tiles_c.end(), [&](std::int64_t smaller) {
    return smaller < config.at("tile_c") && smaller >= out_channels_per_group(problem);
  });
}

bool sums_fit(const Problem&, const Config& config, const DeviceProperties&) {
  return config.at("block_l") * config.at("tile_c") <= direct_max_sums;
}

bool splits_channels(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("block_c") < in_channels_per_group(problem);
}

bool orders_differ(const Problem& problem, const Config& config, const DeviceProperties&) {
  const bool in_windows = problem.dtype != DType::float32 && config.at("block_c") == 0;
  const std::int64_t channels =
      in_windows ? std::max(config.at("tile_c"), direct_window_channels) : config.at("tile_c");
  return config.at("channels_first") == 0 || (out_channels_per_group(problem) > channels &&
                                              output_length(problem) > config.at("block_l"));
}

Config make_config(const DirectConfig& c) {
  return {.family = "cpu_direct",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"block_l", c.block_l},
                       {"block_c", c.block_c},
                       {"channels_first", c.channels_first}}};
}

// How fast a tile is, by its sums and the loads of each step: most of all it must keep both
// multiply-add units busy, then it should have many sums in few rows, each of which is a stream.
double tile_speed(const Problem& problem, const DirectConfig& tile, std::int64_t lanes) {
  const auto rows = static_cast<double>(tile.tile_l);
  const auto vectors = static_cast<double>(vectors_of(tile.tile_c, lanes));
  const double used = static_cast<double>(std::min(out_channels_per_group(problem), tile.tile_c)) /
                      static_cast<double>(round_up(tile.tile_c, lanes));
  return rows * vectors / std::max(rows * vectors, rows + vectors) *
         std::min(1.0, rows * vectors / 8) * used * (1 + (rows * vectors - rows) / 1000);
}

// The fastest tile, channels split where their weights overflow L2.
Config default_config(const Problem& problem, const DeviceProperties& device) {
  DirectConfig best;
  double best_speed = 0;
  for (const std::int64_t tile_l : tiles_l) {
    for (const std::int64_t tile_c : tiles_c) {
      const DirectConfig tile = {tile_l, tile_c, blocks_l.front(), 0, 0};
      if (broken_constraint(cpu_direct(), problem, make_config(tile), device) != nullptr) continue;
      const double speed = tile_speed(problem, tile, lanes_of(device.arch));
      if (speed <= best_speed) continue;
      best_speed = speed;
      best = tile;
    }
  }
  const std::int64_t tile_weights =
      in_channels_per_group(problem) * problem.kernel_size * best.tile_c * 4;
  if (tile_weights > 512L * 1024 && in_channels_per_group(problem) > 64) best.block_c = 64;
  // Then x comes from memory once; but each block of it reads all weights, which must stay in L2.
  DirectConfig channels_first = best;
  channels_first.channels_first = 1;
  const bool differs =
      broken_constraint(cpu_direct(), problem, make_config(channels_first), device) == nullptr;
  constexpr std::int64_t near = 1024L * 1024;
  const std::int64_t tiles = ceil_div(out_channels_per_group(problem), best.tile_c);
  return make_config(differs && tiles * tile_weights <= near ? channels_first : best);
}

Cost cost(const Problem& problem, const Config& config, const DeviceProperties&) {
  constexpr std::int64_t widest_vector = 16;
  const std::int64_t padded =
      round_up(out_channels_per_group(problem), std::min(config.at("tile_c"), widest_vector));
  const double weights = static_cast<double>(padded * problem.num_groups) *
                         static_cast<double>(in_channels_per_group(problem) * problem.kernel_size);
  const auto x_and_y = static_cast<double>(input_elements(problem) + output_elements(problem));
  const auto taps_read = static_cast<double>(valid_taps_in_all(problem));
  return {.bytes = 4 * weights + static_cast<double>(size_of(problem.dtype)) * x_and_y,
          .flops = 2 * static_cast<double>(problem.batch) * taps_read * weights /
                   static_cast<double>(problem.kernel_size)};
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  auto plan = std::make_shared<DirectPlan>();
  DirectPlan& p = *plan;
  p.problem = simplified(problem);
  p.config = parse(config);
  p.task = direct_task(problem.dtype, p.config.tile_c);
  if (p.task == nullptr || p.config.block_l * p.config.tile_c > direct_max_sums) {
    refuse_config(problem, config);
  }
  p.length_out = output_length(p.problem);
  p.group_in = in_channels_per_group(problem);
  p.group_out = out_channels_per_group(problem);
  p.lanes = lanes_of(cpu_target());
  p.tiles_c = ceil_div(p.group_out, p.config.tile_c);
  constexpr std::int64_t line = cache_line / 4;  // floats; parts would each be written to memory
  p.past_caches = problem.dtype == DType::float32 && problem.layout == Layout::NLC &&
                  p.config.tile_c % line == 0 && p.group_out % line == 0 &&
                  output_elements(problem) >= direct_uncached_floats;
  plan_passes(p);
  pack(p, weight, bias);
  return plan;
}

void run(const void* prepared, const void* x, void* y, ThreadPool& pool) {
  const auto& plan = *static_cast<const DirectPlan*>(prepared);
  const Problem& p = plan.problem;
  run_tasks(plan, plan.blocks_n * p.num_groups * plan.blocks_c * plan.blocks_l, x, y, pool);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return direct_digest();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run};

}  // namespace

const Family& cpu_direct() {
  static const Family family = {
      .name = "cpu_direct",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary = "register-tiled direct convolution, lanes along output channels; any problem",
      .parameters =
          {{"tile_l", {tiles_l.begin(), tiles_l.end()}, "output positions of a register tile"},
           {"tile_c", {tiles_c.begin(), tiles_c.end()}, "output channels of a register tile"},
           {"block_l", {blocks_l.begin(), blocks_l.end()}, "output positions of a task"},
           {"block_c", {0, 64}, "input channels of one pass over a task's outputs; 0: all"},
           {"channels_first",
            {0, 1},
            "1: the next task has other output channels; 0: other output positions"}},
      .constraints =
          {{"whole_vectors", "tile_c is below one vector, or one to four whole ones",
            whole_vectors},
           {"fits_registers", "the tile, a vector of x and a row of weights fit in the registers",
            fits_registers},
           {"fits_length", "no tile_l or block_l is longer than the output asks for", fits_length},
           {"hides_latency",
            "the tile has 16 vectors of sums (12 of 16 registers), or as many rows as registers "
            "and "
            "output allow",
            hides_latency},
           {"fits_group", "no smaller tile_c holds a whole group", fits_group},
           {"sums_fit", "block_l * tile_c is at most 8192", sums_fit},
           {"splits_channels", "block_c is below the input channels of a group", splits_channels},
           {"orders_differ", "channels_first needs several tasks of channels and of positions",
            orders_differ}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .cpu = &kernel};
  return family;
}

}  // namespace convtune
