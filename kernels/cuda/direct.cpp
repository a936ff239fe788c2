#include "kernels/cuda/direct.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/cuda/baked.hpp"
#include "kernels/cuda/constraints.hpp"

namespace convtune {
namespace {

using cuda::DirectConfig;

constexpr std::string_view family_name = "cuda_direct";
constexpr std::int64_t most_baked_taps = 8;
constexpr std::int64_t most_sums = 64;

// Vector accesses along the length need every row, window and tap to start on a vector.
bool x_permits(const Problem& p, std::int64_t tile_l, std::int64_t vec) {
  if (p.layout == Layout::NLC) return in_channels_per_group(p) % vec == 0;
  return tile_l % vec == 0 && p.length % vec == 0 && p.stride == 1 && p.padding.left % vec == 0 &&
         (p.kernel_size == 1 || p.dilation % vec == 0);
}

bool y_permits(const Problem& p, std::int64_t tile_l, std::int64_t tile_c, std::int64_t vec) {
  if (p.layout == Layout::NLC) return tile_c % vec == 0 && out_channels_per_group(p) % vec == 0;
  return tile_l % vec == 0 && output_length(p) % vec == 0;
}

bool serves_vec(const Problem& p, const Config& c, std::int64_t vec) {
  return vec * static_cast<std::int64_t>(size_of(p.dtype)) <= 16 &&
         (x_permits(p, c.at("tile_l"), vec) || y_permits(p, c.at("tile_l"), c.at("tile_c"), vec));
}

std::int64_t block_l(const Config& c) { return c.at("threads") / c.at("block_c"); }

// A side may cover at most twice what there is, unless it is as short as it can be.
bool length_used(const Problem& p, const Config& c, const DeviceProperties&) {
  return c.at("tile_l") == 1 || block_l(c) * c.at("tile_l") < 2 * output_length(p);
}

bool tile_channels_used(const Problem& p, const Config& c, const DeviceProperties&) {
  return c.at("tile_c") == 1 || c.at("tile_c") < 2 * out_channels_per_group(p);
}

bool block_channels_used(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t tiles =
      cuda::divide_up(out_channels_per_group(p), c.at("tile_c")) * p.num_groups;
  return c.at("block_c") == 1 || c.at("block_c") < 2 * tiles;
}

bool vec_is_widest(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t vec = c.at("vec");
  return vec == 1 || (serves_vec(p, c, vec) && !serves_vec(p, c, 2 * vec));
}

std::vector<Constraint> constraints() {
  return {
      float32_products,
      below_2_to_40,
      turing_or_later,
      {"sums_fit_registers", "a thread holds at most 64 sums",
       [](const Problem&, const Config& c, const DeviceProperties&) {
         return c.at("tile_l") * c.at("tile_c") <= most_sums;
       }},
      {"length_used", "a block is less than twice as long as the output, or tile_l is 1",
       length_used},
      {"tile_channels_used", "a tile has less than twice a group's output channels, or one",
       tile_channels_used},
      {"block_channels_used", "a block has less than twice the channel tiles there are, or one",
       block_channels_used},
      {"vec_is_widest", "vec is 1, or the widest that alignment permits for x or y", vec_is_widest},
      {"baked_taps_are_few", "taps are baked in for kernel sizes up to 8 only",
       [](const Problem& p, const Config& c, const DeviceProperties&) {
         return c.at("bake_taps") == 0 || p.kernel_size <= most_baked_taps;
       }},
      {"grid_fits", "the grid has at most 2^31 - 1 blocks",
       [](const Problem& p, const Config& c, const DeviceProperties&) {
         return cuda::blocks(direct_config(p, c), conv_shape(p)) <= 0x7fffffff;
       }},
  };
}

std::vector<Parameter> parameters() {
  return {
      {"tile_l", {1, 4, 8}, "output positions a thread"},
      {"tile_c", {1, 4, 8}, "output channels a thread"},
      {"threads", {128, 256}, "threads a block"},
      {"block_c", {1, 4, 32}, "threads of a block along the channels"},
      {"vec", {1, 2, 4, 8}, "elements an access of x and y, each where alignment permits"},
      {"bake_taps", {0, 1}, "1: the kernel size is a compile-time constant"},
  };
}

Config config_of(std::int64_t tile_l, std::int64_t tile_c, std::int64_t block_c, std::int64_t vec) {
  return {.family = std::string(family_name),
          .settings = {{"tile_l", tile_l},
                       {"tile_c", tile_c},
                       {"threads", 128},
                       {"block_c", block_c},
                       {"vec", vec},
                       {"bake_taps", 0}}};
}

// The largest tiles that still give every SM two blocks; blocks as deep in channels as NLC needs to
// read weights and write y in whole lines, flat in NCL.
Config default_config(const Problem& p, const DeviceProperties& device) {
  const std::int64_t deepest = p.layout == Layout::NLC ? 32 : 4;
  Config best = config_of(1, 1, 1, 1);
  if (!indices_fit_64_bits(p)) return best;
  for (const auto& [tile_l, tile_c] : {std::pair{1, 1}, {4, 1}, {4, 4}, {8, 4}, {8, 8}}) {
    for (const std::int64_t block_c : {1, 4, 32}) {
      const Config config = config_of(tile_l, tile_c, block_c, 1);
      if (block_c > deepest || !length_used(p, config, device) ||
          !tile_channels_used(p, config, device) || !block_channels_used(p, config, device))
        continue;
      const bool fills = cuda::blocks(direct_config(p, config), conv_shape(p)) >= 2L * device.units;
      if (fills || (tile_l == 1 && tile_c == 1)) best = config;
    }
  }
  for (const std::int64_t vec : {2, 4, 8}) {
    if (serves_vec(p, best, vec)) best.settings[4].value = vec;
  }
  return best;
}

Cost cost(const Problem& p, const Config& config, const DeviceProperties&) {
  const DirectConfig c = direct_config(p, config);
  const auto shape = conv_shape(p);
  const double positions =
      static_cast<double>(shape.batch * cuda::length_blocks(c, shape) * cuda::block_l(c)) *
      c.tile_l;
  return {.bytes = main_memory_bytes(p, cuda::packed_bytes(c, shape)),
          .flops = 2 * positions * static_cast<double>(cuda::packed_weights(c, shape))};
}

LaunchGeometry geometry(const Problem& problem, const Config& config, const DeviceProperties&) {
  const DirectConfig c = direct_config(problem, config);
  return {.grid = {static_cast<unsigned>(cuda::blocks(c, conv_shape(problem))), 1, 1},
          .block = {static_cast<unsigned>(c.threads), 1, 1}};
}

void pack(const Problem& problem, const Config& config, const void* weight, const void* bias,
          void* packed) {
  const DirectConfig c = direct_config(problem, config);
  const auto shape = conv_shape(problem);
  const auto element = static_cast<std::int64_t>(size_of(problem.dtype));
  const std::int64_t tiles = cuda::channel_tiles(c, shape);
  const std::int64_t tiles_per_group = cuda::tiles_per_group(c, shape);
  std::memset(packed, 0, packed_bytes_of<direct_config>(problem, config));

  const char* from = static_cast<const char*>(weight);
  char* to = static_cast<char*>(packed);
  auto* bias_to = reinterpret_cast<float*>(to + cuda::bias_offset(c, shape));
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t first = tile % tiles_per_group * c.tile_c;
    const std::int64_t used = std::min<std::int64_t>(c.tile_c, shape.out_channels - first);
    const std::int64_t first_co = tile / tiles_per_group * shape.out_channels + first;
    for (std::int64_t row = 0; row < shape.taps * shape.in_channels; ++row) {
      for (std::int64_t i = 0; i < used; ++i) {
        const std::int64_t source =
            weight_index(problem, row / shape.in_channels, row % shape.in_channels, first_co + i);
        std::memcpy(to + i * element, from + source * element, static_cast<std::size_t>(element));
      }
      to += c.tile_c * element;
    }
    for (std::int64_t i = 0; i < used && bias != nullptr; ++i)
      bias_to[tile * c.tile_c + i] = load_element(bias, problem.dtype, first_co + i);
  }
}

// As many registers as it takes: left to guess, the compiler spills a few for one more block.
int blocks_per_sm(const Problem&, const Config&) { return 1; }

constexpr CudaKernel kernel = {.header = "direct.cuh",
                               .instantiation = instantiation_of<direct_config, instantiation>,
                               .geometry = geometry,
                               .packed_bytes = packed_bytes_of<direct_config>,
                               .pack = pack,
                               .alignment = alignment_of<direct_config>,
                               .blocks_per_sm = blocks_per_sm};

}  // namespace

DirectConfig direct_config(const Problem& p, const Config& config) {
  const std::int64_t tile_l = config.at("tile_l");
  const std::int64_t tile_c = config.at("tile_c");
  const std::int64_t vec = config.at("vec");
  DirectConfig c = {.dtype = p.dtype,
                    .layout = p.layout,
                    .activation = p.activation,
                    .tile_l = static_cast<int>(tile_l),
                    .tile_c = static_cast<int>(tile_c),
                    .threads = static_cast<int>(config.at("threads")),
                    .block_c = static_cast<int>(config.at("block_c")),
                    .vec_x = static_cast<int>(x_permits(p, tile_l, vec) ? vec : 1),
                    .vec_y = static_cast<int>(y_permits(p, tile_l, tile_c, vec) ? vec : 1),
                    .taps = static_cast<int>(config.at("bake_taps") != 0 ? p.kernel_size : 0)};
  c.index_bits = cuda::fits_32_bits(c, conv_shape(p)) ? 32 : 64;
  return c;
}

std::string instantiation(const DirectConfig& c) {
  return fmt::format(
      "conv1d_direct<DirectConfig{{.dtype = DType::{}, .layout = Layout::{}, "
      ".activation = Activation::{}, .tile_l = {}, .tile_c = {}, .threads = {}, .block_c = {}, "
      ".vec_x = {}, .vec_y = {}, .taps = {}, .index_bits = {}}}>",
      name(c.dtype), name(c.layout), name(c.activation), c.tile_l, c.tile_c, c.threads, c.block_c,
      c.vec_x, c.vec_y, c.taps, c.index_bits);
}

const Family& cuda_direct() {
  static const Family family = {.name = family_name,
                                .device = DeviceKind::cuda,
                                .origin = Origin::generated,
                                .summary = "register tiles, any shape, float32 accumulation",
                                .parameters = parameters(),
                                .constraints = constraints(),
                                .default_config = default_config,
                                .cost = cost,
                                .cuda = &kernel};
  return family;
}

}  // namespace convtune
