#include "kernels/cpu/bf16.hpp"

#include <algorithm>
#include <array>

#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"

namespace convtune {
namespace {

constexpr std::array<std::int64_t, 3> tiles = {16, 32, 64};
constexpr std::array<std::int64_t, 2> blocks_l = {64, 256};
constexpr std::array<std::int64_t, 3> blocks_c = {64, 256, 0};
constexpr std::int64_t most_sums = 4;  // tiles of a register tile
constexpr std::int64_t most_products = 1 << 19;

std::int64_t task_channels(const Problem& problem, std::int64_t block_c) {
  return block_c == 0 ? out_channels_per_group(problem) : block_c;
}

Bf16Config parse(const Config& config) {
  return {.tile_l = config.at("tile_l"),
          .tile_c = config.at("tile_c"),
          .block_l = config.at("block_l"),
          .block_c = config.at("block_c"),
          .window = config.at("window")};
}

Config make_config(const Bf16Config& c) {
  return {.family = "cpu_bf16",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"block_l", c.block_l},
                       {"block_c", c.block_c},
                       {"window", c.window}}};
}

// An odd number of cache lines, so that rows at the same offset do not share a set of L1.
std::int64_t padded_row(std::int64_t elements) {
  const std::int64_t lines = ceil_div(elements, bf16_inputs);
  return (lines % 2 == 0 ? lines + 1 : lines) * bf16_inputs;
}

struct Reduction {
  std::int64_t taps = 0, inputs = 0;
  std::int64_t chunks() const { return ceil_div(inputs, bf16_inputs); }
  /// Inputs that are multiplied: by tiles in whole chunks, by vectors in pairs.
  std::int64_t multiplied(bool vectors) const {
    return taps * round_up(inputs, vectors ? 2 : bf16_inputs);
  }
};

Reduction reduction_of(const Problem& p, std::int64_t window) {
  const std::int64_t channels = in_channels_per_group(p);
  if (window == taps_in_turn) return {1, p.kernel_size * channels};
  return {p.kernel_size, channels};
}

// Elements of a row of a window of `chunks`, of all rows of one part, and of all parts.
struct WindowSize {
  WindowSize(const Problem& p, std::int64_t rows, std::int64_t row_elements)
      : row(row_elements), part(rows * row), all(bf16_parts(p.dtype) * part) {}
  std::int64_t row, part, all;
};

WindowSize window_size(const Problem& p, const Bf16Config& c, std::int64_t chunks) {
  const bool in_turn = c.window == taps_in_turn;
  // What is longer does not fit anyway, and products with it might overflow.
  const auto bounded = [](std::int64_t step) { return std::min(step, bf16_max_window); };
  const std::int64_t reach = in_turn ? 0 : bounded((p.kernel_size - 1) * p.dilation);
  if (p.layout == Layout::NCL) {
    return {p, chunks * bf16_rows, padded_row(2 * (c.block_l + reach))};
  }
  const std::int64_t stride = in_turn ? 1 : bounded(simplified(p).stride);
  return {p, (c.block_l - 1) * stride + reach + 1, padded_row(chunks * bf16_inputs)};
}

// Chunks that a window holds at once; 0 if not even one.
std::int64_t window_chunks(const Problem& p, const Bf16Config& c) {
  std::int64_t chunks = reduction_of(p, c.window).chunks();
  while (chunks > 0 && window_size(p, c, chunks).all > bf16_max_window) --chunks;
  return chunks;
}

bool fits_in_one_pass(const Problem& problem, const Bf16Config& c) {
  return window_chunks(problem, c) == reduction_of(problem, c.window).chunks();
}

bool has_unit(const Problem&, const Config&, const DeviceProperties& device) {
  return bf16_unit_of(device.arch) != Bf16Unit::none;
}

// Vectors take half as long as those of float32: for one product, not for several of parts.
bool is_worth_parts(const Problem& problem, const Config&, const DeviceProperties& device) {
  return bf16_parts(problem.dtype) == 1 || bf16_unit_of(device.arch) == Bf16Unit::tiles;
}

bool by_vectors(const DeviceProperties& device) {
  return bf16_unit_of(device.arch) == Bf16Unit::vectors;
}

bool fills_tiles(const Problem& problem, const Config&, const DeviceProperties& device) {
  return products_per_output(problem) >= (by_vectors(device) ? 8 : 16) &&
         out_channels_per_group(problem) >= 8;
}

// A sum of products of one sign outgrows the last bit of each product's lesser parts, which the
// instruction then drops, always downwards.
bool keeps_small_parts(const Problem& problem, const Config&, const DeviceProperties&) {
  return bf16_parts(problem.dtype) == 1 || products_per_output(problem) <= most_products;
}

bool fits_registers(const Problem&, const Config& config, const DeviceProperties&) {
  return config.at("tile_l") * config.at("tile_c") <= most_sums * bf16_rows * bf16_rows;
}

bool fits_output(const Problem& problem, const Config& config, const DeviceProperties&) {
  const std::int64_t length = output_length(problem);
  const std::int64_t channels = out_channels_per_group(problem);
  return config.at("tile_l") <= covering(tiles, length) &&
         config.at("block_l") <= covering(blocks_l, length) &&
         config.at("tile_c") <= covering(tiles, channels) && config.at("block_c") < channels;
}

bool hides_latency(const Problem& problem, const Config& config, const DeviceProperties&) {
  const std::int64_t tile_l = config.at("tile_l");
  const std::int64_t tile_c = config.at("tile_c");
  return tile_l * tile_c >= most_sums * bf16_rows * bf16_rows ||
         ((tile_l >= output_length(problem) || tile_l == tiles.back()) &&
          (tile_c >= out_channels_per_group(problem) || tile_c == tiles.back()));
}

bool readable_in_place(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("window") != in_place ||
         (problem.dtype == DType::bfloat16 && problem.layout == Layout::NLC &&
          in_channels_per_group(problem) % bf16_inputs == 0);
}

bool rows_are_tiles(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("window") != positions || problem.layout == Layout::NLC || problem.stride == 1;
}

bool taps_differ(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("window") != taps_in_turn || problem.kernel_size > 1 || problem.stride > 1;
}

bool window_fits(const Problem& problem, const Config& config, const DeviceProperties&) {
  return window_chunks(problem, parse(config)) > 0;
}

bool sums_fit(const Problem& problem, const Config& config, const DeviceProperties&) {
  const Bf16Config c = parse(config);
  return fits_in_one_pass(problem, c) ||
         c.block_l * round_up(task_channels(problem, c.block_c), bf16_rows) <= bf16_max_sums;
}

// A copy for all taps, unless taps in turn copy as little (none is read twice), leave fewer steps
// to multiply, or are all that there is code or room for.
Bf16Window default_window(const Problem& problem, const Bf16Config& c, bool vectors) {
  Bf16Config shared = c;
  shared.window = positions;
  const Reduction all = reduction_of(problem, positions);
  const Reduction in_turn = reduction_of(problem, taps_in_turn);
  const DeviceProperties any;
  const bool possible = rows_are_tiles(problem, make_config(shared), any) &&
                        window_fits(problem, make_config(shared), any);
  const bool read_once = problem.kernel_size <= problem.stride && problem.stride > 1;
  const bool fewer = 5 * in_turn.multiplied(vectors) <= 3 * all.multiplied(vectors);
  return !possible || read_once || fewer ? taps_in_turn : positions;
}

// Output channels of a task, so that a small layer has some tasks for threads; 0: all.
std::int64_t default_channels(const Problem& problem, const Bf16Config& c) {
  constexpr std::int64_t some = 8;
  const std::int64_t channels = out_channels_per_group(problem);
  const Problem p = simplified(problem);
  const std::int64_t tasks = p.batch * p.num_groups * ceil_div(output_length(p), c.block_l);
  if (tasks >= some || channels <= blocks_c[0]) return 0;
  const bool wide = channels > blocks_c[1] && tasks * ceil_div(channels, blocks_c[1]) >= some;
  return blocks_c[wide ? 1 : 0];
}

// Longer blocks where a task of short ones would be little work.
Config default_config(const Problem& problem, const DeviceProperties& device) {
  const std::int64_t length = output_length(problem);
  const std::int64_t channels = out_channels_per_group(problem);
  Bf16Config c = {.tile_l = 32, .tile_c = 32, .block_l = blocks_l[0], .block_c = 0};
  if (length <= 16) c.tile_l = 16, c.tile_c = covering(tiles, channels);
  if (channels <= 16) c.tile_c = 16, c.tile_l = covering(tiles, length);
  c.window = default_window(problem, c, by_vectors(device));
  Bf16Config longer = c;
  longer.block_l = blocks_l[1];
  if (problem.batch * length >= 8 * blocks_l[1] && length > blocks_l[0] &&
      fits_in_one_pass(problem, longer)) {
    c = longer;
  }
  const DeviceProperties any;
  c.block_c = default_channels(problem, c);
  if (!sums_fit(problem, make_config(c), any)) c.block_c = blocks_c[1];
  return make_config(c);
}

Cost cost(const Problem& problem, const Config& config, const DeviceProperties& device) {
  const bool vectors = by_vectors(device);
  const Reduction r = reduction_of(problem, config.at("window"));
  const bool nlc = problem.layout == Layout::NLC;
  const std::int64_t left = vectors ? bf16_vector_rows : bf16_rows;
  const std::int64_t channels =
      problem.num_groups * round_up(out_channels_per_group(problem), nlc ? bf16_rows : left);
  const std::int64_t positions = round_up(output_length(problem), nlc ? left : bf16_rows);
  const std::int64_t parts = bf16_parts(problem.dtype);
  const auto weights = static_cast<double>(channels * r.multiplied(vectors));
  const auto x_and_y = static_cast<double>(input_elements(problem) + output_elements(problem));
  return {.bytes = 2 * static_cast<double>(parts) * weights +
                   static_cast<double>(size_of(problem.dtype)) * x_and_y,
          .flops = 2 * static_cast<double>(bf16_products(parts)) *
                   static_cast<double>(problem.batch * positions) * weights,
          .arithmetic = Arithmetic::cpu_bf16};
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  DeviceProperties device;
  device.arch = cpu_target();
  if (broken_constraint(cpu_bf16(), problem, config, device) != nullptr) {
    refuse_config(problem, config);
  }
  auto plan = std::make_shared<Bf16Plan>();
  const Problem& p = plan->problem = simplified(problem);
  plan->config = parse(config);
  plan->task = bf16_task(p.dtype);
  plan->by_tiles = bf16_unit_of(device.arch) == Bf16Unit::tiles;
  plan->length_out = output_length(p);
  plan->group_in = in_channels_per_group(p);
  plan->group_out = out_channels_per_group(p);
  const Reduction reduction = reduction_of(p, plan->config.window);
  plan->inputs = reduction.inputs;
  plan->taps = reduction.taps;
  plan->chunks = reduction.chunks();
  plan->pass_chunks = window_chunks(p, plan->config);
  plan->parts = bf16_parts(p.dtype);
  const WindowSize window = window_size(p, plan->config, plan->pass_chunks);
  plan->window_row = window.row;
  plan->window_part = window.part;
  plan->tiles_c = ceil_div(plan->group_out, bf16_rows);
  plan->blocks_l = ceil_div(plan->length_out, plan->config.block_l);
  plan->config.block_c = task_channels(p, plan->config.block_c);
  plan->blocks_c = ceil_div(plan->group_out, plan->config.block_c);
  if (!pack(*plan, weight, bias)) {
    plan->direct = cpu_direct().cpu->prepare(problem, cpu_direct().default_config(problem, device),
                                             weight, bias);
  }
  return plan;
}

void run(const void* prepared, const void* x, void* y, ThreadPool& pool) {
  const auto& plan = *static_cast<const Bf16Plan*>(prepared);
  if (plan.direct != nullptr) return cpu_direct().cpu->run(plan.direct.get(), x, y, pool);
  const std::int64_t speed =
      plan.by_tiles ? std::max<std::int64_t>(1, 8 / bf16_products(plan.parts)) : 2;
  run_tasks(plan, plan.problem.batch * plan.problem.num_groups * plan.blocks_c * plan.blocks_l, x,
            y, pool, speed);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return bf16_digest();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run};

}  // namespace

const Family& cpu_bf16() {
  static const Family family = {
      .name = "cpu_bf16",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary = "dense and wide-group convolution by products of bfloat16: AMX or AVX512-BF16",
      .parameters =
          {{"tile_l", {tiles.begin(), tiles.end()}, "output positions of a register tile"},
           {"tile_c", {tiles.begin(), tiles.end()}, "output channels of a register tile"},
           {"block_l", {blocks_l.begin(), blocks_l.end()}, "output positions of a task"},
           {"block_c",
            {blocks_c.begin(), blocks_c.end()},
            "output channels of a task; 0: all of a group"},
           {"window",
            {in_place, positions, taps_in_turn},
            "0: x is read in place; 1: its positions are copied; 2: taps are copied in turn"}},
      .constraints =
          {{"has_unit", "the CPU has AVX512-BF16; AMX is used where Linux lets the process",
            has_unit},
           {"is_worth_parts", "bfloat16; float16 and float32, as sums of bfloat16, by AMX alone",
            is_worth_parts},
           {"fills_tiles",
            "a group has at least 16 products of taps and input channels (8 by AVX512-BF16), and 8 "
            "output channels",
            fills_tiles},
           {"keeps_small_parts",
            "bfloat16, or at most 2^19 products of taps and input channels of a group",
            keeps_small_parts},
           {"fits_registers", "tile_l * tile_c is at most 1024", fits_registers},
           {"fits_output",
            "no smaller value of a parameter covers the output as well; for block_c none but 0",
            fits_output},
           {"hides_latency", "the tile is as large as registers and output allow", hides_latency},
           {"readable_in_place",
            "window 0 is for bfloat16 in NLC and multiples of 32 input channels a group",
            readable_in_place},
           {"rows_are_tiles", "window 1 is for NLC or stride 1", rows_are_tiles},
           {"taps_differ", "window 2 is for several taps or strides above 1", taps_differ},
           {"window_fits",
            "what block_l reads of 32 channels is at most 65536 bfloat16: float32 counts three "
            "times, "
            "float16 twice",
            window_fits},
           {"sums_fit",
            "block_l * block_c is at most 32768 where the window does not hold all of x",
            sums_fit}},
      .default_config = default_config,
      .cost = cost,
      .source_digest = source_digest,
      .cpu = &kernel};
  return family;
}

}  // namespace convtune
