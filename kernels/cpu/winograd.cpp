#include "kernels/cpu/winograd.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/cpu/winograd_patch.hpp"

namespace convtune {
namespace {

constexpr std::array<std::int64_t, 2> outputs_of_patches = {2, 4};
constexpr std::array<std::int64_t, 4> tile_rows = {4, 6, 8, 12};
constexpr std::array<std::int64_t, 6> tile_columns = {8, 16, 24, 32, 48, 64};
constexpr std::array<std::int64_t, 2> blocks = {64, 128};

// Fewer are not worth the sums before and after the products.
constexpr std::int64_t least_channels = 32;

WinogradConfig parse(const Config& config) {
  return {.outputs = config.at("outputs"),
          .rows = config.at("rows"),
          .columns = config.at("columns"),
          .block = config.at("block")};
}

bool asked_for(const Problem& problem, const Config&, const DeviceProperties&) {
  return serves_winograd(problem);
}

bool many_channels(const Problem& problem, const Config&, const DeviceProperties&) {
  return std::min(in_channels_per_group(problem), out_channels_per_group(problem)) >=
         least_channels;
}

bool whole_vectors(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t lanes = lanes_of(device.arch);
  const std::int64_t columns = config.at("columns");
  return lanes > 1 && columns % lanes == 0 && columns / lanes <= 4;
}

bool fits_registers(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t vectors = ceil_div(config.at("columns"), lanes_of(device.arch));
  return (config.at("rows") + 1) * vectors + 1 <= registers_of(device.arch);
}

bool hides_latency(const Problem&, const Config& config, const DeviceProperties& device) {
  const std::int64_t vectors = ceil_div(config.at("columns"), lanes_of(device.arch));
  return config.at("rows") * vectors >= (registers_of(device.arch) == 32 ? 16 : 12);
}

bool fits_output(const Problem& problem, const Config& config, const DeviceProperties&) {
  const std::int64_t outputs = config.at("outputs");
  return config.at("block") == blocks.front() ||
         config.at("block") <= outputs * all_patches(problem, outputs);
}

Config make_config(const WinogradConfig& c) {
  return {
      .family = "cpu_winograd",
      .settings = {
          {"outputs", c.outputs}, {"rows", c.rows}, {"columns", c.columns}, {"block", c.block}}};
}

template <class Matrix>
constexpr std::int64_t terms(const Matrix& matrix) {
  std::int64_t count = 0;
  for (const auto& row : matrix)
    count += std::ranges::count_if(row, [](float v) { return v != 0; });
  return count;
}

// Multiply-adds: those of the products, and of the sums before and after them.
double work_of(const Problem& problem, const WinogradConfig& config) {
  const bool nlc = problem.layout == Layout::NLC;
  const std::int64_t all = all_patches(problem, config.outputs);
  const std::int64_t patches = nlc ? all : round_up(all, config.columns);
  const std::int64_t group_out = out_channels_per_group(problem);
  const std::int64_t outputs = nlc ? round_up(group_out, config.columns) : group_out;
  const bool two = config.outputs == 2;
  const std::int64_t of_input = two ? terms(Patch<2>::input) : terms(Patch<4>::input);
  const std::int64_t of_output = two ? terms(Patch<2>::output) : terms(Patch<4>::output);
  const std::int64_t group_in = in_channels_per_group(problem);
  const std::int64_t of_a_group =
      (config.outputs + 2) * outputs * group_in + of_input * group_in + of_output * outputs;
  return static_cast<double>(problem.batch * problem.num_groups * patches) *
         static_cast<double>(of_a_group);
}

// The least work in tiles that keep both multiply-add units busy.
Config default_config(const Problem& problem, const DeviceProperties& device) {
  WinogradConfig best = {outputs_of_patches.back(), tile_rows.back(), tile_columns.back(),
                         blocks.front()};
  if (!serves_winograd(problem)) return make_config(best);
  double best_cost = 0;
  for (const std::int64_t outputs : outputs_of_patches) {
    for (const std::int64_t rows : tile_rows) {
      for (const std::int64_t columns : tile_columns) {
        const WinogradConfig config = {outputs, rows, columns, blocks.front()};
        const Constraint* broken =
            broken_constraint(cpu_winograd(), problem, make_config(config), device);
        if (broken != nullptr && broken->holds != many_channels) continue;
        const auto vectors = static_cast<double>(ceil_div(columns, lanes_of(device.arch)));
        const auto sums = static_cast<double>(rows) * vectors;
        const double loads = static_cast<double>(rows) + vectors;
        const double cost = work_of(problem, config) * (1 + 0.1 * loads / sums);
        if (best_cost != 0 && cost >= best_cost) continue;
        best_cost = cost;
        best = config;
      }
    }
  }
  return make_config(best);
}

Cost cost(const Problem& problem, const Config& config, const DeviceProperties&) {
  const auto weights = static_cast<double>(problem.out_channels * in_channels_per_group(problem));
  const auto x_and_y = static_cast<double>(input_elements(problem) + output_elements(problem));
  return {.bytes = 4 * static_cast<double>(config.at("outputs") + 2) * weights +
                   static_cast<double>(size_of(problem.dtype)) * x_and_y,
          .flops = 2 * work_of(problem, parse(config))};
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  auto plan = std::make_shared<WinogradPlan>();
  plan->problem = problem;
  plan->config = parse(config);
  plan->task = winograd_task(problem, plan->config);
  if (plan->task == nullptr || !serves_winograd(problem) ||
      plan->products() * task_patches(problem, plan->config) > winograd_task_products ||
      plan->config.rows > winograd_task_channels) {
    refuse_config(problem, config);
  }
  plan->length_out = output_length(problem);
  plan->group_in = in_channels_per_group(problem);
  plan->group_out = out_channels_per_group(problem);
  plan_passes(*plan);
  pack(*plan, weight, bias);
  return plan;
}

void run(const void* prepared, const void* x, void* y, ThreadPool& pool) {
  const auto& plan = *static_cast<const WinogradPlan*>(prepared);
  const Problem& p = plan.problem;
  run_tasks(plan, p.batch * p.num_groups * plan.blocks_l * plan.blocks_c, x, y, pool);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return winograd_digest();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run};

}  // namespace

const Family& cpu_winograd() {
  static const Family family = {
      .name = "cpu_winograd",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary = "F(2,3) and F(4,3) of Winograd, where math is winograd: three taps at stride 1",
      .parameters =
          {{"outputs",
            {outputs_of_patches.begin(), outputs_of_patches.end()},
            "consecutive outputs of a patch, by as many products and two"},
           {"rows",
            {tile_rows.begin(), tile_rows.end()},
            "of a register tile: patches in NLC, output channels in NCL"},
           {"columns",
            {tile_columns.begin(), tile_columns.end()},
            "of a register tile, along its lanes: output channels in NLC, patches in NCL"},
           {"block", {blocks.begin(), blocks.end()}, "output positions of a task"}},
      .constraints =
          {{"asked_for", "math is winograd, for three taps at stride 1 and a dilation below 2^24",
            asked_for},
           {"many_channels", "a group has at least 32 channels, in and out", many_channels},
           {"whole_vectors", "columns are one to four vectors, of several lanes", whole_vectors},
           {"fits_registers", "the tile, a row of weights and a value of x fit in the registers",
            fits_registers},
           {"hides_latency", "the tile has 16 vectors of sums, 12 of 16 registers", hides_latency},
           {"fits_output", "block is no longer than the output, or the shortest", fits_output}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .uses_winograd = true,
      .cpu = &kernel};
  return family;
}

}  // namespace convtune
