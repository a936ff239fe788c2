#include "kernels/cuda/warpgroup_gemm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/cuda/baked.hpp"
#include "kernels/cuda/constraints.hpp"
#include "kernels/cuda/cuda_kernel.hpp"

namespace convtune {
namespace {

using cuda::Int64;
using cuda::WarpgroupGemmConfig;

constexpr std::string_view family_name = "cuda_warpgroup_gemm";
constexpr std::int64_t copy_alignment = 16;
constexpr std::int64_t longest_stride = 8;
constexpr std::int64_t most_index = 0x7fffffff;

bool is_nlc(const Problem& p) { return p.layout == Layout::NLC; }

/// The distances between rows of x that the copy engine must be able to walk.
bool x_rows_are_aligned(const Problem& p, const Config&, const DeviceProperties&) {
  const std::int64_t row = is_nlc(p) ? in_channels_per_group(p) : p.length;
  return row * static_cast<std::int64_t>(size_of(p.dtype)) % copy_alignment == 0;
}

bool stride_served(const Problem& p, const Config&, const DeviceProperties&) {
  return p.stride <= (is_nlc(p) ? longest_stride : 1);
}

bool indices_fit_32_bits(const Problem& p, const Config& config, const DeviceProperties&) {
  if (!indices_fit_64_bits(p)) return false;
  const WarpgroupGemmConfig c = warpgroup_gemm_config(p, config);
  const auto shape = conv_shape(p);
  const Int64 last_read = (cuda::slabs_per_row(shape) + 1) * cuda::slab * shape.stride +
                          shape.taps * shape.dilation + shape.pad_left;
  return std::max({last_read, shape.length, shape.batch + c.tile_l,
                   shape.groups * shape.in_channels, shape.groups * shape.out_channels,
                   cuda::slabs(c, shape) + c.tile_l, cuda::tiles(c, shape),
                   cuda::channel_tiles(c, shape) * cuda::steps(c, shape)}) <= most_index / 2 &&
         cuda::tiles(c, shape) * cuda::steps(c, shape) <= most_index;
}

bool rows_fill_warpgroups(const Problem& p, const Config& config, const DeviceProperties&) {
  const WarpgroupGemmConfig c = warpgroup_gemm_config(p, config);
  const int rows = cuda::row_blocks(c);
  return (rows == 1 || rows == 2) &&
         rows * cuda::row_block * cuda::team_warpgroups(c) == cuda::tile_rows(c);
}

bool sums_fit_registers(const Problem& p, const Config& config, const DeviceProperties&) {
  return cuda::thread_sums(warpgroup_gemm_config(p, config)) <= 128;
}

bool stages_overlap(const Problem& p, const Config& c, const DeviceProperties&) {
  return cuda::stages(warpgroup_gemm_config(p, c)) >= 3;
}

// A side may cover at most twice what there is, unless it is as short as it can be.
bool length_used(const Problem& p, const Config& config, const DeviceProperties&) {
  const WarpgroupGemmConfig c = warpgroup_gemm_config(p, config);
  const int shortest = is_nlc(p) ? 128 / c.teams : 64;
  return c.tile_l <= shortest || c.tile_l < 2 * cuda::slabs(c, conv_shape(p)) * cuda::slab;
}

bool channels_used(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t shortest = is_nlc(p) ? 64 : 128 / c.at("teams");
  return c.at("tile_c") <= shortest || c.at("tile_c") < 2 * out_channels_per_group(p);
}

bool taps_share_x(const Problem& p, const Config& config, const DeviceProperties&) {
  return config.at("share") == 0 || (is_nlc(p) && p.stride == 1 && p.kernel_size > 1 &&
                                     (p.kernel_size - 1) * p.dilation <= cuda::most_halo);
}

// Otherwise the barriers between blocks cost what little the weights would save.
bool cluster_shares_weights(const Problem& p, const Config& config, const DeviceProperties&) {
  if (config.at("cluster") == 1) return true;
  const WarpgroupGemmConfig c = warpgroup_gemm_config(p, config);
  const auto shape = conv_shape(p);
  const Int64 weights = shape.taps * (cuda::weights_stage_bytes(c) / c.cluster);
  const Int64 x = cuda::chunk_loads(c, shape) - weights;
  return weights * c.cluster >= x &&
         cuda::slabs(c, shape) * cuda::slab > Int64{c.tile_l} * (c.cluster - 1);
}

std::vector<Constraint> constraints() {
  return {
      tensor_core_math,
      {"tf32_in_nlc", "float32 is served in NLC alone, for wgmma transposes 16-bit types only",
       [](const Problem& p, const Config&, const DeviceProperties&) {
         return p.dtype != DType::float32 || is_nlc(p);
       }},
      {"device_is_hopper", "wgmma exists on sm_90a alone",
       [](const Problem&, const Config&, const DeviceProperties& d) { return d.arch == "sm_90a"; }},
      {"x_rows_are_aligned",
       "a row of x, a group's channels in NLC or the length in NCL, is a multiple of 16 bytes",
       x_rows_are_aligned},
      {"stride_served", "the stride is at most 8 in NLC, 1 in NCL", stride_served},
      {"taps_share_x", "share: NLC, stride 1, several taps over at most 64 positions more",
       taps_share_x},
      {"cluster_shares_weights",
       "cluster: weights are at least half of what a step loads, and no block is without a tile",
       cluster_shares_weights},
      {"indices_fit_32_bits", "positions, channels, tiles and steps stay below 2^30",
       indices_fit_32_bits},
      {"rows_fill_warpgroups", "each warpgroup has one or two blocks of 64 rows of a tile",
       rows_fill_warpgroups},
      {"sums_fit_registers", "a thread holds at most 128 sums", sums_fit_registers},
      {"stages_overlap", "three stages at least fit shared memory", stages_overlap},
      {"length_used", "a tile is less than twice as long as all rows, or as short as can be",
       length_used},
      {"channels_used", "a tile has less than twice a group's output channels, or as few as can be",
       channels_used},
  };
}

std::vector<Parameter> parameters() {
  return {
      {"tile_l", {64, 128, 256}, "output positions a tile"},
      {"tile_c", {64, 128, 256}, "output channels a tile"},
      {"teams", {1, 2}, "1: two warpgroups share a tile, 2: they take turns"},
      {"share", {0, 1}, "1: x comes once for all taps, with its halo"},
      {"cluster", {1, 2}, "blocks that load each other's weights, by multicast"},
  };
}

/// One team: with two, tiles are half as large, which loads more for the same products.
Config config_of(std::int64_t tile_l, std::int64_t tile_c, std::int64_t share = 0,
                 std::int64_t cluster = 1) {
  return {.family = std::string(family_name),
          .settings = {{"tile_l", tile_l},
                       {"tile_c", tile_c},
                       {"teams", 1},
                       {"share", share},
                       {"cluster", cluster}}};
}

/// Blocks that run at once: one an SM, in whole clusters.
Int64 resident_blocks(const WarpgroupGemmConfig& c, const DeviceProperties& device) {
  return Int64{std::max(device.units / c.cluster, 1)} * c.cluster;
}

int wgmmas_of_a_product(const Problem& p) { return p.math == Math::tf32x3 ? 3 : 1; }

/// Cycles an SM needs, from what Hopper's tensor cores and L2 give each: tiles of the busiest SM
/// times those of a chunk, the longer of multiplying and loading.
double expected_cycles(const Problem& p, const Config& config, const DeviceProperties& device) {
  constexpr double chunk_sums_per_cycle = 32, bytes_per_cycle = 48;
  const WarpgroupGemmConfig c = warpgroup_gemm_config(p, config);
  const auto shape = conv_shape(p);
  const Int64 waves = cuda::divide_up(cuda::tiles(c, shape), resident_blocks(c, device));
  const double multiplies = wgmmas_of_a_product(p) * static_cast<double>(shape.taps) * c.tile_l *
                            c.tile_c / chunk_sums_per_cycle;
  const double loads = static_cast<double>(cuda::chunk_loads(c, shape)) / bytes_per_cycle;
  return static_cast<double>(waves) * std::max(multiplies, loads);
}

/// Of all that is expected to take equally long, what shares least.
Config default_config(const Problem& p, const DeviceProperties& device) {
  Config best = is_nlc(p) ? config_of(128, 64) : config_of(64, 128);
  if (!indices_fit_64_bits(p)) return best;
  const auto admissible = [&](const Config& config) {
    return rows_fill_warpgroups(p, config, device) && length_used(p, config, device) &&
           channels_used(p, config, device) && stages_overlap(p, config, device) &&
           taps_share_x(p, config, device) && cluster_shares_weights(p, config, device);
  };
  for (const auto& [share, cluster] : {std::pair{0, 1}, {0, 2}, {1, 1}, {1, 2}}) {
    for (const auto& [tile_l, tile_c] : {std::pair{128, 64},
                                         {64, 128},
                                         {128, 128},
                                         {128, 256},
                                         {256, 64},
                                         {64, 256},
                                         {256, 128}}) {
      const Config config = config_of(tile_l, tile_c, share, cluster);
      if (admissible(config) &&
          expected_cycles(p, config, device) < expected_cycles(p, best, device))
        best = config;
    }
  }
  return best;
}

Cost cost(const Problem& p, const Config& config, const DeviceProperties&) {
  const WarpgroupGemmConfig c = warpgroup_gemm_config(p, config);
  const auto shape = conv_shape(p);
  Int64 products = 0;
  for (Int64 chunk = 0; chunk < cuda::chunks(c, shape); ++chunk)
    products += shape.taps * cuda::products_of_chunk(c, shape, chunk);
  const int depth = cuda::product_bytes / cuda::element_bytes(c);
  return {
      .bytes = main_memory_bytes(p, cuda::packed_bytes(c, shape)),
      .flops = 2 * static_cast<double>(cuda::tiles(c, shape)) * c.tile_l * c.tile_c *
               static_cast<double>(products * wgmmas_of_a_product(p)) * depth,
      .arithmetic = p.dtype == DType::float32 ? Arithmetic::wgmma_tf32 : Arithmetic::wgmma_16_bits};
}

LaunchGeometry geometry(const Problem& problem, const Config& config,
                        const DeviceProperties& device) {
  const WarpgroupGemmConfig c = warpgroup_gemm_config(problem, config);
  const Int64 blocks = std::min(cuda::tiles(c, conv_shape(problem)), resident_blocks(c, device));
  return {.grid = {static_cast<unsigned>(blocks), 1, 1},
          .block = {static_cast<unsigned>(cuda::gemm_threads), 1, 1},
          .shared_bytes = static_cast<unsigned>(cuda::shared_bytes(c)),
          .cluster = static_cast<unsigned>(c.cluster)};
}

/// Rounds to nearest, ties away from zero, as the GPU's conversion does.
float rounded_to_tf32(float value) {
  if (!std::isfinite(value)) return value;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000U) & 0xffffe000U);
}

/// Stores weight `index` in all its parts.
void pack_weight(const Problem& p, const WarpgroupGemmConfig& c, const void* weight,
                 std::int64_t index, char* to) {
  const float value = load_element(weight, p.dtype, index);
  const float big = p.dtype == DType::float32 ? rounded_to_tf32(value) : value;
  store_element(to, p.dtype, 0, big);
  if (cuda::weight_parts(c) == 2)
    store_element(to + cuda::weights_bytes(c), p.dtype, 0, rounded_to_tf32(value - big));
}

/// Packs one output channel's weights. `to` is its row of the tile's first step.
void pack_channel(const Problem& p, const WarpgroupGemmConfig& c, const void* weight,
                  std::int64_t co, char* to) {
  const std::int64_t in_chunk = cuda::chunk_channels(c);
  for (std::int64_t ci = 0; ci < in_channels_per_group(p); ++ci) {
    for (std::int64_t k = 0; k < p.kernel_size; ++k) {
      const std::int64_t step = ci / in_chunk * p.kernel_size + k;
      pack_weight(
          p, c, weight, weight_index(p, k, ci, co),
          to + step * cuda::weights_stage_bytes(c) + ci % in_chunk * cuda::element_bytes(c));
    }
  }
}

void pack(const Problem& problem, const Config& config, const void* weight, const void* bias,
          void* packed) {
  const WarpgroupGemmConfig c = warpgroup_gemm_config(problem, config);
  const auto shape = conv_shape(problem);
  std::memset(packed, 0, packed_bytes_of<warpgroup_gemm_config>(problem, config));
  char* const to = static_cast<char*>(packed);
  auto* const bias_to = reinterpret_cast<float*>(to + cuda::bias_offset(c, shape));
  const std::int64_t tile_bytes = cuda::steps(c, shape) * cuda::weights_stage_bytes(c);
  for (std::int64_t co = 0; co < problem.out_channels; ++co) {
    const std::int64_t in_group = co % shape.out_channels;
    const std::int64_t tile =
        co / shape.out_channels * cuda::tiles_per_group(c, shape) + in_group / c.tile_c;
    const std::int64_t row = in_group % c.tile_c;
    pack_channel(problem, c, weight, co, to + tile * tile_bytes + row * cuda::chunk_bytes);
    if (bias != nullptr) bias_to[tile * c.tile_c + row] = load_element(bias, problem.dtype, co);
  }
}

std::size_t alignment(const Problem&, const Config&) { return copy_alignment; }
int blocks_per_sm(const Problem&, const Config&) { return 1; }

/// x that taps share, with 16 bytes of channels as the contiguous dimension, so that a box arrives
/// as wgmma reads it without a swizzle: the rows of the first 16 bytes, of the second, ...
cuda::TensorMapArgs map_of_shared_x(const Problem& p, const WarpgroupGemmConfig& c) {
  const auto shape = conv_shape(p);
  const Int64 element = cuda::element_bytes(c);
  const auto piece = static_cast<int>(cuda::piece_bytes / element);  // channels
  const Int64 row = p.in_channels * element;
  const auto rows = static_cast<int>(cuda::slab_rows(c, shape));
  return {.dtype = p.dtype,
          .rank = 5,
          .size = {piece, p.length, shape.in_channels / piece, p.num_groups, p.batch},
          .stride = {element, row, cuda::piece_bytes, shape.in_channels * element, p.length * row},
          .box = {piece, rows, cuda::chunk_bytes / cuda::piece_bytes, 1, 1}};
}

/// x with the group as a dimension of its own, so that channels behind a group's last read as
/// zeros.
cuda::TensorMapArgs map_of_x(const Problem& p, const WarpgroupGemmConfig& c) {
  const auto shape = conv_shape(p);
  const Int64 element = cuda::element_bytes(c);
  const Int64 row = (is_nlc(p) ? p.in_channels : p.length) * element;
  const Int64 group = shape.in_channels * (is_nlc(p) ? element : row);
  const Int64 batch = input_elements(p) / p.batch * element;
  cuda::TensorMapArgs map = {.dtype = p.dtype,
                             .rank = 4,
                             .stride = {element, row, group, batch},
                             .swizzle = cuda::Swizzle::bytes_128};
  if (is_nlc(p)) {
    const Int64 positions = cuda::strip(c, shape) / cuda::copies_per_slab(c, shape);
    const int box[] = {cuda::chunk_channels(c), static_cast<int>(positions * p.stride), 1,
                       cuda::strips(c, shape)};
    const Int64 size[] = {shape.in_channels, p.length, p.num_groups, p.batch};
    std::ranges::copy(box, map.box);
    std::ranges::copy(size, map.size);
    map.step[1] = static_cast<int>(p.stride);
  } else {
    const int box[] = {cuda::slab, cuda::chunk_channels(c), 1, 1};
    const Int64 size[] = {p.length, shape.in_channels, p.num_groups, p.batch};
    std::ranges::copy(box, map.box);
    std::ranges::copy(size, map.size);
  }
  return map;
}

cuda::TensorMapsArgs tensor_maps(const Problem& problem, const Config& config) {
  const WarpgroupGemmConfig c = warpgroup_gemm_config(problem, config);
  const auto shape = conv_shape(problem);
  const Int64 blocks =
      cuda::channel_tiles(c, shape) * cuda::steps(c, shape) * cuda::weight_parts(c);
  return {.x = c.shares_x ? map_of_shared_x(problem, c) : map_of_x(problem, c),
          .weights = {.dtype = problem.dtype,
                      .rank = 3,
                      .size = {cuda::chunk_channels(c), c.tile_c, blocks},
                      .stride = {cuda::element_bytes(c), cuda::chunk_bytes, cuda::weights_bytes(c)},
                      .box = {cuda::chunk_channels(c), c.tile_c / c.cluster, 1},
                      .swizzle = cuda::Swizzle::bytes_128}};
}

constexpr CudaKernel kernel = {
    .header = "warpgroup_gemm.cuh",
    .instantiation = instantiation_of<warpgroup_gemm_config, instantiation>,
    .geometry = geometry,
    .packed_bytes = packed_bytes_of<warpgroup_gemm_config>,
    .pack = pack,
    .alignment = alignment,
    .blocks_per_sm = blocks_per_sm,
    .tensor_maps = tensor_maps};

int widest_store(const Problem& p) {
  const std::int64_t row = is_nlc(p) ? out_channels_per_group(p) : output_length(p);
  int vec = static_cast<int>(16 / size_of(p.dtype));
  while (row % vec != 0) vec /= 2;
  return vec;
}

}  // namespace

WarpgroupGemmConfig warpgroup_gemm_config(const Problem& p, const Config& config) {
  return {.dtype = p.dtype,
          .math = tensor_core_math_of(p),
          .layout = p.layout,
          .activation = p.activation,
          .tile_l = static_cast<int>(config.at("tile_l")),
          .tile_c = static_cast<int>(config.at("tile_c")),
          .teams = static_cast<int>(config.at("teams")),
          .shares_x = config.at("share") != 0,
          .cluster = static_cast<int>(config.at("cluster")),
          .vec_y = widest_store(p)};
}

std::string instantiation(const WarpgroupGemmConfig& c) {
  return fmt::format(
      "conv1d_warpgroup_gemm<WarpgroupGemmConfig{{.dtype = DType::{}, .math = Math::{}, "
      ".layout = Layout::{}, .activation = Activation::{}, .tile_l = {}, .tile_c = {}, .teams = "
      "{}, .shares_x = {}, .cluster = {}, .vec_y = {}}}>",
      name(c.dtype), name(c.math), name(c.layout), name(c.activation), c.tile_l, c.tile_c, c.teams,
      c.shares_x, c.cluster, c.vec_y);
}

const Family& cuda_warpgroup_gemm() {
  static const Family family = {.name = family_name,
                                .device = DeviceKind::cuda,
                                .origin = Origin::generated,
                                .summary = "TMA and wgmma: dense and wide groups, sm_90a",
                                .parameters = parameters(),
                                .constraints = constraints(),
                                .default_config = default_config,
                                .cost = cost,
                                .cuda = &kernel};
  return family;
}

}  // namespace convtune
