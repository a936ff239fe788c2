#include "kernels/cuda/halo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "kernels/cuda/baked.hpp"
#include "kernels/cuda/constraints.hpp"
#include "kernels/cuda/halo_pack.hpp"

namespace convtune {
namespace {

using cuda::HaloConfig;

constexpr std::string_view family_name = "cuda_halo";
constexpr std::int64_t most_channels_of_16_bits = 64;
constexpr std::int64_t few_outputs = 8;
constexpr std::int64_t most_sums = 64;
constexpr std::int64_t most_filled_columns = 16;

bool is_matrix(const Problem& p) { return p.dtype != DType::float32; }
std::int64_t least_tile_l(const Problem& p) { return is_matrix(p) ? 16 : 32; }
std::int64_t least_tile_c(const Problem& p) { return is_matrix(p) ? 8 : 1; }

std::int64_t tiles_l(const Config& c) {
  return cuda::halo_warps / (c.at("slices") * c.at("split"));
}
std::int64_t tiles_per_group(const Problem& p, const Config& c) {
  return cuda::divide_up(out_channels_per_group(p), c.at("tile_c"));
}

/// The largest power of two that divides both, at most `most`.
std::int64_t common_vector(std::int64_t a, std::int64_t b, std::int64_t most) {
  const std::int64_t common = std::gcd(std::gcd(a, b), most);
  return common & -common;
}

// NCL needs rows that start on a vector; what a vector holds beyond 4 positions would lie in other
// words' banks. A folded word takes its second tap from where no vector starts.
std::int64_t vec_x(const Problem& p) {
  if (p.layout == Layout::NCL) {
    const bool folded = is_matrix(p) && p.in_channels == 1;
    return folded || p.length % 4 != 0 ? 1 : 4;
  }
  const std::int64_t channels = in_channels_per_group(p);
  return common_vector(channels, channels, 16 / static_cast<std::int64_t>(size_of(p.dtype)));
}

std::int64_t vec_y(const Problem& p, const Config& c) {
  const std::int64_t most = 16 / static_cast<std::int64_t>(size_of(p.dtype));
  if (p.layout == Layout::NCL) return common_vector(output_length(p), most, most);
  if (tiles_per_group(p, c) == 1)
    return common_vector(c.at("slices") * out_channels_per_group(p), p.out_channels, most);
  return common_vector(c.at("slices") * c.at("tile_c"), out_channels_per_group(p), most);
}

bool tile_serves_dtype(const Problem& p, const Config& c, const DeviceProperties&) {
  return c.at("tile_l") >= least_tile_l(p) && c.at("tile_c") >= least_tile_c(p) &&
         (is_matrix(p) || c.at("tile_c") <= 32);
}

bool sums_fit_registers(const Problem&, const Config& c, const DeviceProperties&) {
  return c.at("tile_l") * c.at("tile_c") <= most_sums * cuda::warp_lanes;
}

// A row of x takes shared memory as long as 16 columns take the tensor cores: more gain nothing.
bool fill_holds_runs(const Problem& p, const Config& c, const DeviceProperties&) {
  return c.at("fill") == 0 || (is_matrix(p) && c.at("tile_c") <= most_filled_columns &&
                               c.at("tile_c") >= 2 * out_channels_per_group(p));
}

bool taps_of_a_run_overlap(const Problem& p, const Config& c, const DeviceProperties&) {
  return c.at("fill") == 0 || (p.stride % p.dilation == 0 && p.stride / p.dilation < p.kernel_size);
}

// A tile covers less than twice a group's output channels, and not much less than it could.
bool tile_channels_used(const Problem& p, const Config& c, const DeviceProperties&) {
  if (c.at("fill") != 0) return true;
  const std::int64_t channels = out_channels_per_group(p);
  const std::int64_t tile = c.at("tile_c");
  return (tile == least_tile_c(p) || tile < 2 * channels) &&
         tile >= std::min(few_outputs, channels);
}

bool warps_used(const Problem& p, const Config& c, const DeviceProperties&) {
  if (c.at("slices") * c.at("split") > cuda::halo_warps) return false;
  const std::int64_t tiles = tiles_per_group(p, c);
  return c.at("slices") <= (tiles == 1 ? p.num_groups : tiles);
}

bool length_used(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t run = c.at("fill") == 0 ? 1 : c.at("tile_c") / out_channels_per_group(p);
  const std::int64_t block = tiles_l(c) * c.at("tile_l") * run;
  return c.at("tile_l") == least_tile_l(p) || block < 2 * output_length(p);
}

bool split_used(const Problem& p, const Config& c, const DeviceProperties&) {
  if (c.at("split") == 1) return true;
  return steps(halo_config(p, c), conv_shape(p)) >= 2 * c.at("split");
}

bool stage_fits(const Problem& p, const Config& c, const DeviceProperties&) {
  return shared_bytes(halo_config(p, c), conv_shape(p)) <= cuda::halo_shared_bytes;
}

std::vector<Constraint> constraints() {
  return {
      float32_products,
      below_2_to_40,
      turing_or_later,
      {"not_depthwise", "several input channels a group, or one group",
       [](const Problem& p, const Config&, const DeviceProperties&) { return !is_depthwise(p); }},
      {"narrow_in_16_bits", "16-bit types: at most 64 input channels a group, or 8 output channels",
       [](const Problem& p, const Config&, const DeviceProperties&) {
         return !is_matrix(p) || in_channels_per_group(p) <= most_channels_of_16_bits ||
                out_channels_per_group(p) <= few_outputs;
       }},
      {"bfloat16_since_ampere", "bfloat16 takes compute capability 8.0",
       [](const Problem& p, const Config&, const DeviceProperties& d) {
         return p.dtype != DType::bfloat16 || d.compute_major >= 8;
       }},
      {"tile_serves_dtype",
       "16-bit types: tile_c is at least 8; float32: at most 32, and tile_l is at least 32",
       tile_serves_dtype},
      {"fill_holds_runs",
       "fill: 16-bit types, and tile_c is at most 16 and twice a group's output channels at least",
       fill_holds_runs},
      {"taps_of_a_run_overlap",
       "fill: the dilation divides the stride, and neighbouring positions have taps in common",
       taps_of_a_run_overlap},
      {"sums_fit_registers", "a thread holds at most 64 sums", sums_fit_registers},
      {"tile_channels_used",
       "fill, or tile_c is less than twice a group's output channels, and at least 8 or all of "
       "them",
       tile_channels_used},
      {"warps_used", "at most 4 warps, and not more slices than there are channel tiles",
       warps_used},
      {"length_used", "a block is less than twice as long as the output, or as short as it can be",
       length_used},
      {"stage_fits", "one channel's window and the tile of y fit 64 KiB of shared memory",
       stage_fits},
      {"split_used", "split is 1, or each warp of it has two steps of the reduction", split_used},
      {"grid_fits", "the grid has at most 2^31 - 1 blocks",
       [](const Problem& p, const Config& c, const DeviceProperties&) {
         const std::int64_t limit = std::numeric_limits<std::int32_t>::max();
         return blocks(halo_config(p, c), conv_shape(p)) <= limit && p.in_channels <= limit &&
                p.out_channels <= limit;
       }},
  };
}

std::vector<Parameter> parameters() {
  return {
      {"tile_l", {16, 32, 64, 128, 256}, "output positions of a warp's tile, or runs of them"},
      {"tile_c", {1, 2, 4, 8, 16, 32, 48, 64}, "output channels of a warp's tile, or its columns"},
      {"slices", {1, 2, 4}, "tiles of a block along the channels"},
      {"split", {1, 4}, "warps that share a tile, each with a part of the reduction"},
      {"fill", {0, 1}, "1: a tile's columns hold several positions of a group's few outputs"},
  };
}

Cost cost(const Problem& p, const Config& config, const DeviceProperties&) {
  const HaloConfig c = halo_config(p, config);
  const auto shape = conv_shape(p);
  const auto positions =
      static_cast<double>(shape.batch * cuda::length_blocks(c, shape) * cuda::block_l(c));
  return {.bytes = main_memory_bytes(p, packed_bytes(c, shape)),
          .flops = 2 * positions * static_cast<double>(packed_weights(c, shape)),
          .arithmetic = is_matrix(p) ? Arithmetic::mma_16_bits : Arithmetic::lanes};
}

Config config_of(std::int64_t tile_l, std::int64_t tile_c, std::int64_t slices, std::int64_t split,
                 std::int64_t fill) {
  return {.family = std::string(family_name),
          .settings = {{"tile_l", tile_l},
                       {"tile_c", tile_c},
                       {"slices", slices},
                       {"split", split},
                       {"fill", fill}}};
}

/// The tile that wastes the fewest channels, the wider of equals, up to what still leaves a tile
/// long enough to use each weight often.
std::int64_t default_tile_c(const Problem& p) {
  const std::int64_t channels = out_channels_per_group(p);
  std::int64_t best = least_tile_c(p);
  const auto padded = [&](std::int64_t tile) { return cuda::divide_up(channels, tile) * tile; };
  for (const std::int64_t tile : {2, 4, 8, 16, 32, 48}) {
    if (tile < best || tile > (is_matrix(p) ? 48 : 16)) continue;
    if (padded(tile) <= padded(best) || best < std::min(few_outputs, channels)) best = tile;
  }
  return best;
}

// Short sums wait for memory: smaller tiles leave an SM room for more blocks.
std::int64_t most_default_sums(const Problem& p) {
  return p.kernel_size * in_channels_per_group(p) <= 64 ? most_sums / 2 : most_sums;
}

/// Slices in the order of preference, the best last: along the channels where tiles of a block then
/// share their window of x, or, in NLC, its lines; else along the length.
std::array<std::int64_t, 3> preferred_slices(const Problem& p, std::int64_t tile_c) {
  const bool shared = p.layout == Layout::NLC || out_channels_per_group(p) > tile_c;
  return shared ? std::array<std::int64_t, 3>{1, 2, 4} : std::array<std::int64_t, 3>{4, 2, 1};
}

/// Columns of a tile, and whether several positions fill them.
struct Columns {
  std::int64_t tile_c;
  std::int64_t fill;
};

/// What the busier of tensor cores and shared memory does: a row of x takes the one as long as 16
/// columns take the other.
double work(const Problem& p, const Config& config) {
  const double columns = std::max<double>(16, static_cast<double>(config.at("tile_c")));
  const double flops = cost(p, config, {}).flops;
  return is_matrix(p) ? flops * columns / static_cast<double>(config.at("tile_c")) : flops;
}

// The longest tile that leaves every SM two blocks and computes little beyond the output. Where
// none leaves as many, what gives the most blocks.
Config default_config(const Problem& p, const DeviceProperties& device) {
  const std::int64_t unfilled = default_tile_c(p);
  Config best = config_of(least_tile_l(p), unfilled, 1, 1, 0);
  if (!indices_fit_64_bits(p)) return best;
  const std::int64_t enough = 2L * device.units;
  std::int64_t most_blocks = 0;
  double least_work = std::numeric_limits<double>::infinity();
  const auto offer = [&](const Config& config) {
    const std::int64_t longest = most_default_sums(p) * cuda::warp_lanes / config.at("tile_c");
    if (config.at("tile_l") > longest ||
        broken_constraint(cuda_halo(), p, config, device) != nullptr)
      return;
    const std::int64_t grid = blocks(halo_config(p, config), conv_shape(p));
    const double work_of = work(p, config);
    if (grid < enough ? grid <= most_blocks : work_of > 1.1 * least_work) return;
    best = config;
    most_blocks = std::max(most_blocks, grid);
    if (grid >= enough) least_work = std::min(least_work, work_of);
  };
  for (const auto& [tile_c, fill] : {Columns{unfilled, 0}, {8, 1}, {most_filled_columns, 1}}) {
    for (const std::int64_t split : {4, 1}) {
      for (const std::int64_t tile_l : {16, 32, 64, 128, 256}) {
        for (const std::int64_t slices : preferred_slices(p, tile_c))
          offer(config_of(tile_l, tile_c, slices, split, fill));
      }
    }
  }
  return best;
}

LaunchGeometry geometry(const Problem& problem, const Config& config, const DeviceProperties&) {
  const HaloConfig c = halo_config(problem, config);
  const auto shape = conv_shape(problem);
  return {.grid = {static_cast<unsigned>(blocks(c, shape)), 1, 1},
          .block = {cuda::halo_threads, 1, 1},
          .shared_bytes = static_cast<unsigned>(shared_bytes(c, shape))};
}

void pack(const Problem& problem, const Config& config, const void* weight, const void* bias,
          void* packed) {
  pack_halo(problem, halo_config(problem, config), weight, bias, packed);
}

int blocks_per_sm(const Problem&, const Config& config) {
  return config.at("tile_l") * config.at("tile_c") / cuda::warp_lanes <= 32 ? 4 : 3;
}

constexpr CudaKernel kernel = {.header = "halo.cuh",
                               .instantiation = instantiation_of<halo_config, instantiation>,
                               .geometry = geometry,
                               .packed_bytes = packed_bytes_of<halo_config>,
                               .pack = pack,
                               .alignment = alignment_of<halo_config>,
                               .blocks_per_sm = blocks_per_sm};

}  // namespace

HaloConfig halo_config(const Problem& p, const Config& config) {
  HaloConfig c = {.dtype = p.dtype,
                  .layout = p.layout,
                  .activation = p.activation,
                  .tile_l = static_cast<int>(config.at("tile_l")),
                  .tile_c = static_cast<int>(config.at("tile_c")),
                  .slices = static_cast<int>(config.at("slices")),
                  .split = static_cast<int>(config.at("split")),
                  .vec_x = static_cast<int>(vec_x(p)),
                  .vec_y = static_cast<int>(vec_y(p, config)),
                  .folded = is_matrix(p) && p.in_channels == 1,
                  .filled = config.at("fill") != 0};
  c.index_bits = fits_32_bits(c, conv_shape(p)) ? 32 : 64;
  return c;
}

std::string instantiation(const HaloConfig& c) {
  return fmt::format(
      "conv1d_halo<HaloConfig{{.dtype = DType::{}, .layout = Layout::{}, "
      ".activation = Activation::{}, .tile_l = {}, .tile_c = {}, .slices = {}, .split = {}, "
      ".vec_x = {}, .vec_y = {}, .folded = {}, .filled = {}, .index_bits = {}}}>",
      name(c.dtype), name(c.layout), name(c.activation), c.tile_l, c.tile_c, c.slices, c.split,
      c.vec_x, c.vec_y, c.folded, c.filled, c.index_bits);
}

const Family& cuda_halo() {
  static const Family family = {
      .name = family_name,
      .device = DeviceKind::cuda,
      .origin = Origin::generated,
      .summary = "few channels, few outputs or narrow groups: a tile of x with its halo",
      .parameters = parameters(),
      .constraints = constraints(),
      .default_config = default_config,
      .cost = cost,
      .cuda = &kernel};
  return family;
}

}  // namespace convtune
