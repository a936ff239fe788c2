#include "kernels/cuda/toeplitz.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/cuda/baked.hpp"
#include "kernels/cuda/constraints.hpp"

namespace convtune {
namespace {

using cuda::ToeplitzConfig;

constexpr std::string_view family_name = "cuda_toeplitz";
constexpr std::int64_t most_channels = 16;
constexpr std::int64_t shortest = cuda::toeplitz_piece;
constexpr std::int64_t fewest_rows = cuda::toeplitz_warps;

std::int64_t element_bytes(const Problem& p) { return static_cast<std::int64_t>(size_of(p.dtype)); }

std::int64_t common(const Problem& p) { return std::gcd(p.stride, p.dilation); }

/// Rows of y: those of all classes of outputs.
std::int64_t rows(const Problem& p) { return p.out_channels * (p.dilation / common(p)); }
std::int64_t row_length(const Problem& p) {
  return cuda::divide_up(output_length(p), p.dilation / common(p));
}

/// The largest power of two that divides `value`, at most a vector.
std::int64_t vector_of(const Problem& p, std::int64_t value) {
  const std::int64_t common = std::gcd(value, 16 / element_bytes(p));
  return common & -common;
}

// Vectors across the rows start where a block does: at a multiple of the rows of whole sequences.
std::int64_t vec_x(const Problem& p, const Config& c) {
  if (p.layout == Layout::NCL) return p.dilation == 1 ? vector_of(p, p.length) : 1;
  const std::int64_t outputs = out_channels_per_group(p);
  const std::int64_t whole = c.at("tile_c") % outputs == 0 ? c.at("tile_c") / outputs : 1;
  return vector_of(p, std::gcd(p.in_channels, whole * in_channels_per_group(p)));
}
std::int64_t vec_y(const Problem& p, const Config& c, bool across) {
  if (p.layout == Layout::NCL) return across ? 1 : vector_of(p, output_length(p));
  return vector_of(p, std::gcd(p.out_channels, c.at("tile_c")));
}

// All but the width of indices, which needs sizes that keep the constraints.
ToeplitzConfig with_narrow_indices(const Problem& p, const Config& config) {
  const bool across = p.layout == Layout::NLC || p.dilation > common(p);
  return {.dtype = p.dtype,
          .math = tensor_core_math_of(p),
          .layout = p.layout,
          .activation = p.activation,
          .tile_l = static_cast<int>(config.at("tile_l")),
          .tile_c = static_cast<int>(config.at("tile_c")),
          .step = static_cast<int>(p.stride / common(p)),
          .across = across,
          .vec_x = static_cast<int>(vec_x(p, config)),
          .vec_y = static_cast<int>(vec_y(p, config, across))};
}

// A third of what is multiplied, or more.
bool kernel_is_long(const Problem& p, const Config&, const DeviceProperties&) {
  const std::int64_t side = cuda::toeplitz_side;
  const std::int64_t beyond = (side - 1) * (p.stride / common(p));
  return 3 * p.kernel_size >= cuda::divide_up(p.kernel_size + beyond, side) * side;
}

bool tile_used(const Problem& p, const Config& c, const DeviceProperties&) {
  return (c.at("tile_l") == shortest || c.at("tile_l") < 2 * row_length(p)) &&
         (c.at("tile_c") == fewest_rows || c.at("tile_c") < 2 * rows(p));
}

std::vector<Constraint> constraints() {
  return {
      tensor_core_math,
      below_2_to_40,
      ampere_or_later,
      {"few_channels", "a group has at most 16 input channels",
       [](const Problem& p, const Config&, const DeviceProperties&) {
         return in_channels_per_group(p) <= most_channels;
       }},
      {"kernel_is_long",
       "the taps are a third of those that tiles of 16 outputs multiply: 11 at stride 1",
       kernel_is_long},
      {"tile_used", "each side of a tile is less than twice what there is, or the shortest",
       tile_used},
      {"shared_memory_fits", "the rows of x and y that a block needs fit its shared memory",
       [](const Problem& p, const Config& c, const DeviceProperties& d) {
         const std::int64_t most = d.shared_per_block_optin;
         return p.kernel_size <= most &&
                cuda::shared_bytes(with_narrow_indices(p, c), conv_shape(p)) <= most;
       }},
      {"grid_fits", "the grid has at most 2^31 - 1 blocks",
       [](const Problem& p, const Config& c, const DeviceProperties&) {
         return cuda::blocks(with_narrow_indices(p, c), conv_shape(p)) <=
                std::numeric_limits<std::int32_t>::max();
       }},
  };
}

std::vector<Parameter> parameters() {
  return {
      {"tile_l", {shortest, 256, 512, 1024}, "outputs of a channel a block, of one class"},
      {"tile_c", {fewest_rows, 8, 16, 32, 64}, "output channels a block, or of their classes"},
  };
}

Config config_of(std::int64_t tile_l, std::int64_t tile_c) {
  return {.family = std::string(family_name), .settings = {{"tile_l", tile_l}, {"tile_c", tile_c}}};
}

Cost cost(const Problem& p, const Config& config, const DeviceProperties&) {
  const ToeplitzConfig c = toeplitz_config(p, config);
  const auto shape = conv_shape(p);
  return {.bytes = main_memory_bytes(p, cuda::packed_bytes(c, shape)),
          .flops = 2 * static_cast<double>(cuda::products(c, shape)),
          .arithmetic = p.dtype == DType::float32 ? Arithmetic::mma_tf32 : Arithmetic::mma_16_bits};
}

// The longest tile, of rows that fill 64 bytes across them, that leaves every SM two blocks and
// computes little beyond the output. Where none leaves as many, what gives the most blocks.
Config default_config(const Problem& p, const DeviceProperties& device) {
  Config best = config_of(shortest, fewest_rows);
  if (!indices_fit_64_bits(p)) return best;
  const std::int64_t most_rows = p.layout == Layout::NLC ? 64 / element_bytes(p) : 8;
  const std::int64_t enough = 2L * device.units;
  std::int64_t most_blocks = 0;
  double least_flops = std::numeric_limits<double>::infinity();
  for (const std::int64_t tile_c : {4, 8, 16, 32}) {
    for (const std::int64_t tile_l : {128, 256, 512}) {
      const Config config = config_of(tile_l, tile_c);
      if (tile_c > most_rows || broken_constraint(cuda_toeplitz(), p, config, device) != nullptr)
        continue;
      const std::int64_t grid = cuda::blocks(toeplitz_config(p, config), conv_shape(p));
      const double flops = cost(p, config, device).flops;
      if (grid < enough ? grid <= most_blocks : flops > 1.1 * least_flops) continue;
      best = config;
      most_blocks = std::max(most_blocks, grid);
      if (grid >= enough) least_flops = std::min(least_flops, flops);
    }
  }
  return best;
}

LaunchGeometry geometry(const Problem& problem, const Config& config, const DeviceProperties&) {
  const ToeplitzConfig c = toeplitz_config(problem, config);
  const auto shape = conv_shape(problem);
  return {.grid = {static_cast<unsigned>(cuda::blocks(c, shape)), 1, 1},
          .block = {cuda::toeplitz_threads, 1, 1},
          .shared_bytes = static_cast<unsigned>(cuda::shared_bytes(c, shape))};
}

void pack(const Problem& problem, const Config& config, const void* weight, const void* bias,
          void* packed) {
  const ToeplitzConfig c = toeplitz_config(problem, config);
  const auto shape = conv_shape(problem);
  const std::int64_t element = element_bytes(problem);
  const std::int64_t missing_apart = 4 / cuda::copies(c);
  const char* from = static_cast<const char*>(weight);
  char* to = static_cast<char*>(packed);
  std::memset(packed, 0, packed_bytes_of<toeplitz_config>(problem, config));
  auto* bias_to = reinterpret_cast<float*>(to + cuda::bias_offset(c, shape));
  for (std::int64_t co = 0; co < problem.out_channels; ++co) {
    for (std::int64_t ci = 0; ci < shape.in_channels; ++ci) {
      for (std::int64_t copy = 0; copy < cuda::copies(c); ++copy) {
        const std::int64_t first = cuda::front(c) + cuda::lead(c, shape) - copy * missing_apart;
        for (std::int64_t k = 0; k < shape.taps; ++k)
          std::memcpy(to + (first + k) * element, from + weight_index(problem, k, ci, co) * element,
                      static_cast<std::size_t>(element));
        to += cuda::copy_weights(c, shape) * element;
      }
    }
    if (bias != nullptr) bias_to[co] = load_element(bias, problem.dtype, co);
  }
}

// 80 registers hold the sums of 512 outputs, 128 also those of 1,024 or the words of TF32.
int blocks_per_sm(const Problem& problem, const Config& config) {
  return config.at("tile_l") <= 512 && problem.dtype != DType::float32 ? 6 : 4;
}

constexpr CudaKernel kernel = {.header = "toeplitz.cuh",
                               .instantiation = instantiation_of<toeplitz_config, instantiation>,
                               .geometry = geometry,
                               .packed_bytes = packed_bytes_of<toeplitz_config>,
                               .pack = pack,
                               .alignment = alignment_of<toeplitz_config>,
                               .blocks_per_sm = blocks_per_sm};

}  // namespace

ToeplitzConfig toeplitz_config(const Problem& p, const Config& config) {
  ToeplitzConfig c = with_narrow_indices(p, config);
  c.index_bits = cuda::fits_32_bits(c, conv_shape(p)) ? 32 : 64;
  return c;
}

std::string instantiation(const ToeplitzConfig& c) {
  return fmt::format(
      "conv1d_toeplitz<ToeplitzConfig{{.dtype = DType::{}, .math = Math::{}, .layout = Layout::{}, "
      ".activation = Activation::{}, .tile_l = {}, .tile_c = {}, .step = {}, "
      ".across = {}, .vec_x = {}, .vec_y = {}, .index_bits = {}}}>",
      name(c.dtype), name(c.math), name(c.layout), name(c.activation), c.tile_l, c.tile_c, c.step,
      c.across, c.vec_x, c.vec_y, c.index_bits);
}

const Family& cuda_toeplitz() {
  static const Family family = {
      .name = family_name,
      .device = DeviceKind::cuda,
      .origin = Origin::generated,
      .summary = "long kernels of few channels a group: Toeplitz matrices on tensor cores",
      .parameters = parameters(),
      .constraints = constraints(),
      .default_config = default_config,
      .cost = cost,
      .cuda = &kernel};
  return family;
}

}  // namespace convtune
