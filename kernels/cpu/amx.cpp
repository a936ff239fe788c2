#include "kernels/cpu/amx.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <new>

#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"
#include "kernels/cpu/thread_pool.hpp"

namespace convtune {
namespace {

constexpr std::array<std::int64_t, 3> tiles = {16, 32, 64};
constexpr std::array<std::int64_t, 2> blocks_l = {64, 256};
constexpr std::array<std::int64_t, 3> blocks_c = {64, 256, 0};
constexpr std::int64_t most_sums = 4;  // tiles of a register tile

std::int64_t task_channels(const Problem& problem, std::int64_t block_c) {
  return block_c == 0 ? out_channels_per_group(problem) : block_c;
}

AmxConfig parse(const Config& config) {
  return {.tile_l = config.at("tile_l"),
          .tile_c = config.at("tile_c"),
          .block_l = config.at("block_l"),
          .block_c = config.at("block_c"),
          .window = config.at("window")};
}

Config make_config(const AmxConfig& c) {
  return {.family = "cpu_amx",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"block_l", c.block_l},
                       {"block_c", c.block_c},
                       {"window", c.window}}};
}

// An odd number of cache lines, so that rows at the same offset do not share a set of L1.
std::int64_t padded_row(std::int64_t elements) {
  const std::int64_t lines = ceil_div(elements, amx_inputs);
  return (lines % 2 == 0 ? lines + 1 : lines) * amx_inputs;
}

struct Reduction {
  std::int64_t taps = 0, inputs = 0;
  std::int64_t chunks() const { return ceil_div(inputs, amx_inputs); }
};

Reduction reduction_of(const Problem& p, std::int64_t window) {
  const std::int64_t channels = in_channels_per_group(p);
  if (window == taps_in_turn) return {1, p.kernel_size * channels};
  return {p.kernel_size, channels};
}

// Elements from one row of a window of `chunks` to the next, and of all of it.
struct WindowSize {
  std::int64_t row = 0, all = 0;
};

WindowSize window_size(const Problem& p, const AmxConfig& c, std::int64_t chunks) {
  const std::int64_t reach = c.window == taps_in_turn ? 0 : (p.kernel_size - 1) * p.dilation;
  if (p.layout == Layout::NCL) {
    const std::int64_t row = padded_row(2 * (c.block_l + reach));
    return {row, chunks * amx_rows * row};
  }
  const std::int64_t stride = c.window == taps_in_turn ? 1 : p.stride;
  const std::int64_t row = padded_row(chunks * amx_inputs);
  return {row, ((c.block_l - 1) * stride + reach + 1) * row};
}

// Chunks that a window holds at once; 0 if not even one.
std::int64_t window_chunks(const Problem& p, const AmxConfig& c) {
  std::int64_t chunks = reduction_of(p, c.window).chunks();
  while (chunks > 0 && window_size(p, c, chunks).all > amx_max_window) --chunks;
  return chunks;
}

bool fits_in_one_pass(const Problem& problem, const AmxConfig& c) {
  return window_chunks(problem, c) == reduction_of(problem, c.window).chunks();
}

bool on_amx(const Problem&, const Config&, const DeviceProperties& device) {
  return has_amx(device.arch);
}

bool dtype(const Problem& problem, const Config&, const DeviceProperties&) {
  return problem.dtype == DType::bfloat16;
}

bool fills_tiles(const Problem& problem, const Config&, const DeviceProperties&) {
  return in_channels_per_group(problem) * problem.kernel_size >= 16 &&
         out_channels_per_group(problem) >= 8;
}

bool fits_registers(const Problem&, const Config& config, const DeviceProperties&) {
  return config.at("tile_l") * config.at("tile_c") <= most_sums * amx_rows * amx_rows;
}

// The smallest value that covers `size`, or the largest.
template <class Values>
std::int64_t covering(const Values& values, std::int64_t size) {
  const auto it =
      std::find_if(values.begin(), values.end(), [&](std::int64_t value) { return value >= size; });
  return it == values.end() ? values.back() : *it;
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
  return tile_l * tile_c >= most_sums * amx_rows * amx_rows ||
         ((tile_l >= output_length(problem) || tile_l == tiles.back()) &&
          (tile_c >= out_channels_per_group(problem) || tile_c == tiles.back()));
}

bool readable_in_place(const Problem& problem, const Config& config, const DeviceProperties&) {
  return config.at("window") != in_place ||
         (problem.layout == Layout::NLC && in_channels_per_group(problem) % amx_inputs == 0);
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
  const AmxConfig c = parse(config);
  return fits_in_one_pass(problem, c) ||
         c.block_l * round_up(task_channels(problem, c.block_c), amx_rows) <= amx_max_sums;
}

// A copy for all taps, unless taps in turn copy as little (none is read twice), leave fewer steps
// to multiply, or are all that there is code or room for.
AmxWindow default_window(const Problem& problem, const AmxConfig& c) {
  AmxConfig shared = c;
  shared.window = positions;
  const Reduction all = reduction_of(problem, positions);
  const Reduction in_turn = reduction_of(problem, taps_in_turn);
  const DeviceProperties any;
  const bool possible = rows_are_tiles(problem, make_config(shared), any) &&
                        window_fits(problem, make_config(shared), any);
  const bool read_once = problem.kernel_size <= problem.stride && problem.stride > 1;
  const bool fewer_steps = 5 * in_turn.chunks() <= 3 * all.taps * all.chunks();
  return !possible || read_once || fewer_steps ? taps_in_turn : positions;
}

// Longer blocks where a task of short ones would be little work.
Config default_config(const Problem& problem, const DeviceProperties&) {
  const std::int64_t length = output_length(problem);
  const std::int64_t channels = out_channels_per_group(problem);
  AmxConfig c = {.tile_l = 32, .tile_c = 32, .block_l = blocks_l[0], .block_c = 0};
  if (length <= 16) c.tile_l = 16, c.tile_c = covering(tiles, channels);
  if (channels <= 16) c.tile_c = 16, c.tile_l = covering(tiles, length);
  c.window = default_window(problem, c);
  AmxConfig longer = c;
  longer.block_l = blocks_l[1];
  if (problem.batch * length >= 8 * blocks_l[1] && length > blocks_l[0] &&
      fits_in_one_pass(problem, longer)) {
    c = longer;
  }
  const DeviceProperties any;
  if (!sums_fit(problem, make_config(c), any)) c.block_c = blocks_c[1];
  return make_config(c);
}

Cost cost(const Problem& problem, const Config& config) {
  const Reduction r = reduction_of(problem, config.at("window"));
  const std::int64_t channels =
      problem.num_groups * round_up(out_channels_per_group(problem), amx_rows);
  const auto weights = static_cast<double>(channels * r.taps * r.chunks() * amx_inputs);
  const std::int64_t positions_in_tiles = round_up(output_length(problem), amx_rows);
  const auto x_and_y = static_cast<double>(input_elements(problem) + output_elements(problem));
  return {.bytes = 2 * (weights + x_and_y),
          .flops = 2 * static_cast<double>(problem.batch * positions_in_tiles) * weights,
          .arithmetic = Arithmetic::amx_16_bits};
}

// The instruction has no subnormals, and the zeros of the padding no infinities.
bool is_ordinary(float weight) { return weight == 0 || std::isnormal(weight); }

// Element (input, out) of a tile of weights.
std::int64_t tile_index(Layout layout, std::int64_t input, std::int64_t out) {
  return layout == Layout::NLC ? input / 2 * amx_inputs + 2 * out + input % 2
                               : out * amx_inputs + input;
}

// False if some weight is not ordinary.
bool pack_weights(AmxPlan& plan, const void* weight) {
  const Problem& p = plan.problem;
  const auto count = static_cast<std::size_t>(p.num_groups * plan.tiles_c * plan.chunks *
                                              plan.taps * amx_elements);
  plan.weights = hwy::AllocateAligned<Bits16>(count);
  if (plan.weights == nullptr) throw std::bad_alloc();
  std::fill_n(plan.weights.get(), count, Bits16{0});
  const auto* from = static_cast<const Bits16*>(weight);
  for (std::int64_t k = 0; k < p.kernel_size; ++k) {
    for (std::int64_t in = 0; in < plan.group_in; ++in) {
      const std::int64_t input = plan.taps == 1 ? k * plan.group_in + in : in;
      const std::int64_t tap = plan.taps == 1 ? 0 : k;
      for (std::int64_t out = 0; out < p.out_channels; ++out) {
        const Bits16 value = from[weight_index(p, k, in, out)];
        if (!is_ordinary(float_from_bfloat16(value))) return false;
        const std::int64_t in_group = out % plan.group_out;
        const std::int64_t tile = out / plan.group_out * plan.tiles_c + in_group / amx_rows;
        const std::int64_t step = (tile * plan.chunks + input / amx_inputs) * plan.taps + tap;
        plan.weights[static_cast<std::size_t>(
            step * amx_elements + tile_index(p.layout, input % amx_inputs, in_group % amx_rows))] =
            value;
      }
    }
  }
  return true;
}

void pack_bias(AmxPlan& plan, const void* bias) {
  const Problem& p = plan.problem;
  const std::int64_t copies = p.layout == Layout::NLC ? 1 : amx_rows;
  const std::int64_t tiles_in_all = p.num_groups * plan.tiles_c;
  plan.bias = zeroed_floats(tiles_in_all * amx_rows * copies);
  if (bias == nullptr) return;
  for (std::int64_t out = 0; out < p.out_channels; ++out) {
    const std::int64_t row = out / plan.group_out * plan.tiles_c * amx_rows + out % plan.group_out;
    std::fill_n(plan.bias.get() + row * copies, copies, load_element(bias, p.dtype, out));
  }
}

std::shared_ptr<const void> prepare(const Problem& problem, const Config& config,
                                    const void* weight, const void* bias) {
  DeviceProperties device;
  device.arch = cpu_target();
  if (broken_constraint(cpu_amx(), problem, config, device) != nullptr) {
    refuse_config(problem, config);
  }
  auto plan = std::make_shared<AmxPlan>();
  plan->problem = problem;
  plan->config = parse(config);
  plan->task = amx_task();
  plan->length_out = output_length(problem);
  plan->group_in = in_channels_per_group(problem);
  plan->group_out = out_channels_per_group(problem);
  const Reduction reduction = reduction_of(problem, plan->config.window);
  plan->inputs = reduction.inputs;
  plan->taps = reduction.taps;
  plan->chunks = reduction.chunks();
  plan->pass_chunks = window_chunks(problem, plan->config);
  plan->window_row = window_size(problem, plan->config, plan->pass_chunks).row;
  plan->tiles_c = ceil_div(plan->group_out, amx_rows);
  plan->blocks_l = ceil_div(plan->length_out, plan->config.block_l);
  plan->config.block_c = task_channels(problem, plan->config.block_c);
  plan->blocks_c = ceil_div(plan->group_out, plan->config.block_c);
  pack_bias(*plan, bias);
  if (!pack_weights(*plan, weight)) {
    plan->direct = cpu_direct().cpu->prepare(problem, cpu_direct().default_config(problem, device),
                                             weight, bias);
  }
  return plan;
}

void run(const void* prepared, const void* x, void* y, ThreadPool& pool) {
  const auto& plan = *static_cast<const AmxPlan*>(prepared);
  if (plan.direct != nullptr) return cpu_direct().cpu->run(plan.direct.get(), x, y, pool);
  constexpr std::int64_t speed = 8;
  run_tasks(plan, plan.problem.batch * plan.problem.num_groups * plan.blocks_c * plan.blocks_l, x,
            y, pool, speed);
}

std::string source_digest(const Problem&, const Config&, const DeviceProperties&) {
  return amx_digest();
}

constexpr CpuKernel kernel = {.prepare = prepare, .run = run};

}  // namespace

const Family& cpu_amx() {
  static const Family family = {
      .name = "cpu_amx",
      .device = DeviceKind::cpu,
      .origin = Origin::generated,
      .summary = "dense and wide-group bfloat16 by AMX's tiles",
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
          {{"has_amx", "the CPU has AMX with bfloat16, and Linux lets the process use it", on_amx},
           {"dtype", "bfloat16", dtype},
           {"fills_tiles",
            "a group has at least 16 products of taps and input channels, and 8 output channels",
            fills_tiles},
           {"fits_registers", "tile_l * tile_c is at most 1024", fits_registers},
           {"fits_output",
            "no smaller value of a parameter covers the output as well; for block_c none but 0",
            fits_output},
           {"hides_latency", "the tile is as large as registers and output allow", hides_latency},
           {"readable_in_place", "window 0 is for NLC and multiples of 32 input channels a group",
            readable_in_place},
           {"rows_are_tiles", "window 1 is for NLC or stride 1", rows_are_tiles},
           {"taps_differ", "window 2 is for several taps or strides above 1", taps_differ},
           {"window_fits", "the positions that block_l reads of 32 channels are at most 65536 / 32",
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
