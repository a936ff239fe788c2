#include "kernels/cuda/depthwise.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/cuda/baked.hpp"
#include "kernels/cuda/constraints.hpp"

namespace convtune {
namespace {

using cuda::DepthwiseConfig;

constexpr std::string_view family_name = "cuda_depthwise";
constexpr std::int64_t vector_bytes = 16;
constexpr std::int64_t most_values = 192;  // in registers, with some left for addresses
constexpr std::int64_t most_taps = 32;
constexpr std::int64_t fewest_classes = 8;

std::int64_t element_bytes(const Problem& p) { return static_cast<std::int64_t>(size_of(p.dtype)); }

bool is_piece(const Problem& p, const Config& c) {
  return p.layout == Layout::NCL && c.at("vec") > 1;
}

std::int64_t lanes(const Problem& p, const Config& c) {
  return p.layout == Layout::NLC ? c.at("vec") : 1;
}

// How far apart the outputs of a tile and the taps are, in elements of the window.
struct Spacing {
  std::int64_t step = 1;
  std::int64_t tap = 1;
  std::int64_t common = 1;
};
Spacing spacing(const Problem& p, const Config& c) {
  if (is_piece(p, c)) return {.step = p.stride, .tap = p.dilation};
  if (c.at("tile_l") == 1) return {};
  const std::int64_t common = std::gcd(p.stride, p.dilation);
  return {.step = p.stride / common, .common = common};
}

// 32-bit words of sums, weights and window for chunks of that many taps; a walk's window stays as
// it was loaded.
std::int64_t values(const Problem& p, const Config& c, std::int64_t taps) {
  const Spacing apart = spacing(p, c);
  if (std::max(apart.step, apart.tap) > most_values) return most_values + 1;
  const std::int64_t window = (c.at("tile_l") - 1) * apart.step + (taps - 1) * apart.tap + 1;
  const std::int64_t bytes = is_piece(p, c) ? 4 : lanes(p, c) * element_bytes(p);
  return (c.at("tile_l") + taps) * lanes(p, c) + cuda::divide_up(window * bytes, std::int64_t{4});
}

// Taps of a chunk: all of them if they fit, or an even part.
std::int64_t taps_at_once(const Problem& p, const Config& c) {
  std::int64_t most = std::min(p.kernel_size, most_taps);
  while (most > 1 && values(p, c, most) > most_values) --most;
  return p.kernel_size / cuda::divide_up(p.kernel_size, most);
}

// Outputs of one class of positions, those that read the same elements.
std::int64_t class_length(const Problem& p, const Config& c) {
  const std::int64_t classes =
      is_piece(p, c) || c.at("tile_l") == 1 ? 1 : p.dilation / spacing(p, c).common;
  return cuda::divide_up(output_length(p), classes);
}

bool vec_is_widest(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t vec = c.at("vec");
  const auto fits = [&](std::int64_t v) {
    return v * element_bytes(p) <= vector_bytes &&
           (p.layout == Layout::NCL || p.out_channels % v == 0);
  };
  return vec == 1 || (fits(vec) && !fits(2 * vec));
}

bool pieces_are_vectors(const Problem& p, const Config& c, const DeviceProperties&) {
  return !is_piece(p, c) || c.at("tile_l") % c.at("vec") == 0;
}

bool pieces_have_no_gaps(const Problem& p, const Config& c, const DeviceProperties&) {
  return !is_piece(p, c) || p.kernel_size == 1 || p.dilation <= c.at("tile_l");
}

bool neighbours_are_near(const Problem& p, const Config& c, const DeviceProperties&) {
  return p.layout == Layout::NLC || c.at("vec") > 1 || c.at("tile_l") == 1 ||
         p.dilation / std::gcd(p.stride, p.dilation) >= fewest_classes;
}

bool narrow_is_plain(const Problem& p, const Config& c, const DeviceProperties&) {
  const bool only = p.layout == Layout::NLC && p.out_channels % 2 != 0;
  return c.at("vec") > 1 || only || (c.at("tile_l") <= 8 && c.at("tiles") == 1);
}

bool values_fit_registers(const Problem& p, const Config& c, const DeviceProperties&) {
  return values(p, c, taps_at_once(p, c)) <= most_values;
}

bool tile_used(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t least = is_piece(p, c) ? c.at("vec") : 1;
  return c.at("tile_l") <= least || c.at("tile_l") < 2 * class_length(p, c);
}

bool tiles_share_weights(const Problem& p, const Config& c, const DeviceProperties&) {
  return c.at("tiles") == 1 || (taps_at_once(p, c) == p.kernel_size &&
                                c.at("tiles") * c.at("tile_l") <= class_length(p, c));
}

std::vector<Constraint> constraints() {
  return {
      {"depthwise", "one input channel a group, and several groups",
       [](const Problem& p, const Config&, const DeviceProperties&) { return is_depthwise(p); }},
      below_2_to_40,
      turing_or_later,
      {"vec_is_widest",
       "vec is 1, or the widest of at most 16 bytes that divides the channels (NLC)",
       vec_is_widest},
      {"pieces_are_vectors", "NCL: tile_l is a multiple of vec", pieces_are_vectors},
      {"pieces_have_no_gaps", "NCL with vectors: tile_l is at least the dilation",
       pieces_have_no_gaps},
      {"neighbours_are_near",
       "NCL: with vec 1, tile_l is 1 or a dilation leaves at least 8 threads side by side",
       neighbours_are_near},
      {"narrow_is_plain", "vec 1 where vectors are possible: tile_l at most 8 and tiles 1",
       narrow_is_plain},
      {"values_fit_registers", "sums, weights and window of a thread fit 192 registers",
       values_fit_registers},
      {"tile_used", "a tile is less than twice as long as the output, or as short as it can be",
       tile_used},
      {"tiles_share_weights",
       "tiles is 1, or all taps are in registers and a row has outputs for all tiles",
       tiles_share_weights},
      {"grid_fits", "the grid has at most 2^31 - 1 blocks",
       [](const Problem& p, const Config& c, const DeviceProperties&) {
         return cuda::blocks(depthwise_config(p, c), conv_shape(p)) <= 0x7fffffff;
       }},
  };
}

std::vector<Parameter> parameters() {
  return {
      {"tile_l", {1, 4, 8, 16, 32}, "output positions a tile"},
      {"tiles", {1, 4}, "tiles a thread, one after the other"},
      {"vec", {1, 2, 4, 8}, "elements an access: channels in NLC, positions in NCL"},
  };
}

Config config_of(std::int64_t tile_l, std::int64_t tiles, std::int64_t vec) {
  return {.family = std::string(family_name),
          .settings = {{"tile_l", tile_l}, {"tiles", tiles}, {"vec", vec}}};
}

bool is_candidate(const Problem& p, const Config& c, const DeviceProperties& device) {
  return broken_constraint(cuda_depthwise(), p, c, device) == nullptr;
}

// Tiles beyond this gain little, and cost registers: many taps ask for a longer one.
std::int64_t longest_tile(const Problem& p, std::int64_t vec) {
  if (p.layout == Layout::NLC) return vec == 1 ? 16 : 8;
  if (vec == 1) return 16;
  return p.kernel_size <= vec ? 2 * vec : 4 * vec;
}

// Vectors, unless the output is shorter than one; then as long a tile as leaves every SM two
// blocks, and several tiles a thread if that leaves eight.
Config default_config(const Problem& p, const DeviceProperties& device) {
  Config best = config_of(1, 1, 1);
  if (!indices_fit_64_bits(p) || !is_depthwise(p)) return best;
  const auto blocks = [&](const Config& c) {
    return cuda::blocks(depthwise_config(p, c), conv_shape(p));
  };
  for (const std::int64_t vec : {1, 2, 4, 8}) {
    if (p.layout == Layout::NCL && output_length(p) < vec) continue;
    for (const std::int64_t tile_l : {1, 4, 8, 16, 32}) {
      const Config config = config_of(tile_l, 1, vec);
      if (tile_l > longest_tile(p, vec) || !is_candidate(p, config, device)) continue;
      if (vec > best.at("vec") || blocks(config) >= 2L * device.units) best = config;
    }
  }
  const Config several = config_of(best.at("tile_l"), 4, best.at("vec"));
  return is_candidate(p, several, device) && blocks(several) >= 8L * device.units ? several : best;
}

Cost cost(const Problem& p, const Config& config, const DeviceProperties&) {
  const DepthwiseConfig c = depthwise_config(p, config);
  const auto shape = conv_shape(p);
  const auto sums = static_cast<double>(shape.batch * p.out_channels * cuda::classes(c, shape) *
                                        cuda::length_tiles(c, shape)) *
                    c.tile_l;
  return {.bytes = main_memory_bytes(p, cuda::packed_bytes(c, shape)),
          .flops = 2 * sums * static_cast<double>(p.kernel_size)};
}

LaunchGeometry geometry(const Problem& problem, const Config& config, const DeviceProperties&) {
  const DepthwiseConfig c = depthwise_config(problem, config);
  return {.grid = {static_cast<unsigned>(cuda::blocks(c, conv_shape(problem))), 1, 1},
          .block = {cuda::depthwise_threads, 1, 1}};
}

/// One channel's taps, NCL: chunk after chunk, each filled up to whole vectors.
void pack_row(const DepthwiseConfig& c, std::int64_t taps, std::int64_t element, const char* from,
              char* to) {
  for (std::int64_t first = 0; first < taps; first += c.taps) {
    const std::int64_t count = std::min<std::int64_t>(c.taps, taps - first);
    std::memcpy(to, from + first * element, static_cast<std::size_t>(count * element));
    to += cuda::weight_chunk(c) * element;
  }
}

void pack(const Problem& problem, const Config& config, const void* weight, const void* bias,
          void* packed) {
  const DepthwiseConfig c = depthwise_config(problem, config);
  const auto shape = conv_shape(problem);
  const std::int64_t element = element_bytes(problem);
  const char* from = static_cast<const char*>(weight);
  char* to = static_cast<char*>(packed);
  std::memset(packed, 0, packed_bytes_of<depthwise_config>(problem, config));
  if (problem.layout == Layout::NLC) {
    std::memcpy(to, from, static_cast<std::size_t>(weight_elements(problem) * element));
  } else {
    for (std::int64_t co = 0; co < problem.out_channels; ++co)
      pack_row(c, shape.taps, element, from + co * shape.taps * element,
               to + co * cuda::weight_row(c, shape) * element);
  }
  auto* bias_to = reinterpret_cast<float*>(to + cuda::bias_offset(c, shape));
  for (std::int64_t co = 0; co < problem.out_channels && bias != nullptr; ++co)
    bias_to[co] = load_element(bias, problem.dtype, co);
}

constexpr CudaKernel kernel = {.header = "depthwise.cuh",
                               .instantiation = instantiation_of<depthwise_config, instantiation>,
                               .geometry = geometry,
                               .packed_bytes = packed_bytes_of<depthwise_config>,
                               .pack = pack,
                               .alignment = alignment_of<depthwise_config>};

}  // namespace

DepthwiseConfig depthwise_config(const Problem& p, const Config& config) {
  const Spacing apart = spacing(p, config);
  const std::int64_t taps = taps_at_once(p, config);
  const auto vec = static_cast<int>(config.at("vec"));
  const bool gathers = p.layout == Layout::NLC && out_channels_per_group(p) > 1;
  DepthwiseConfig c = {.dtype = p.dtype,
                       .layout = p.layout,
                       .activation = p.activation,
                       .tile_l = static_cast<int>(config.at("tile_l")),
                       .tiles = static_cast<int>(config.at("tiles")),

                       .vec_x = gathers ? 1 : vec,
                       .vec_y = vec,
                       .taps = static_cast<int>(taps),
                       .chunked = taps < p.kernel_size,
                       .step = static_cast<int>(apart.step),
                       .spacing = static_cast<int>(apart.tap),
                       .common = static_cast<int>(apart.common)};
  c.index_bits = cuda::fits_32_bits(c, conv_shape(p)) ? 32 : 64;
  return c;
}

std::string instantiation(const DepthwiseConfig& c) {
  return fmt::format(
      "conv1d_depthwise<DepthwiseConfig{{.dtype = DType::{}, .layout = Layout::{}, "
      ".activation = Activation::{}, .tile_l = {}, .tiles = {}, .vec_x = {}, "
      ".vec_y = {}, .taps = {}, .chunked = {}, .step = {}, .spacing = {}, .common = {}, "
      ".index_bits = {}}}>",
      name(c.dtype), name(c.layout), name(c.activation), c.tile_l, c.tiles, c.vec_x, c.vec_y,
      c.taps, c.chunked, c.step, c.spacing, c.common, c.index_bits);
}

const Family& cuda_depthwise() {
  static const Family family = {.name = family_name,
                                .device = DeviceKind::cuda,
                                .origin = Origin::generated,
                                .summary = "depthwise, any multiplier: a window in registers",
                                .parameters = parameters(),
                                .constraints = constraints(),
                                .default_config = default_config,
                                .cost = cost,
                                .cuda = &kernel};
  return family;
}

}  // namespace convtune
