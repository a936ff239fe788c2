#include "kernels/cuda/implicit_gemm_space.hpp"

#include <algorithm>
#include <utility>

#include "kernels/cuda/constraints.hpp"
#include "kernels/cuda/implicit_gemm_part.hpp"

namespace convtune::implicit_gemm {
namespace {

using cuda::ImplicitGemmConfig;
using cuda::Int64;

constexpr std::int64_t shortest_side = 32, longest_side = 256;
constexpr std::int64_t small_tile = std::int64_t{64} * 64;
constexpr int largest_cluster = 8;
constexpr std::int64_t largest_passing_tile = std::int64_t{128} * 128;
// What a cluster's two barriers and the way of its sums between SMs are taken for: an estimate.
constexpr std::int64_t exchange_steps = 4;

std::int64_t element_bytes(const Problem& p) { return static_cast<std::int64_t>(size_of(p.dtype)); }

/// The largest power of two that divides `value`, up to `most`.
std::int64_t widest(std::int64_t value, std::int64_t most) {
  while (value % most != 0) most /= 2;
  return most;
}

// Whether batch rows are joined: where they are shorter than the longest tile.
bool joins_batch(const Problem& p, const Config& c) {
  return p.layout == Layout::NLC && c.at("share") == 0 && p.batch > 1 &&
         output_length(p) < longest_side;
}

// Positions that tiles are cut from.
std::int64_t row_length(const Problem& p, const Config& c) {
  return joins_batch(p, c) ? p.batch * output_length(p) : output_length(p);
}

// But for 48 they are powers of two: is this side less than twice what there is, or the shortest?
bool is_used(std::int64_t side, std::int64_t size) {
  return side == shortest_side || side < 2 * size;
}

bool tile_used(const Problem& p, const Config& c, const DeviceProperties&) {
  return is_used(c.at("tile_l"), row_length(p, c)) &&
         is_used(c.at("tile_c"), out_channels_per_group(p));
}

std::int64_t padded(std::int64_t of, std::int64_t to) { return cuda::divide_up(of, to) * to; }

// Shorter tiles of 48 channels load as much from shared memory as those of 64.
bool forty_eight_pays(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t channels = out_channels_per_group(p);
  return c.at("tile_c") != 48 ||
         (c.at("tile_l") >= 128 && padded(channels, 48) < padded(channels, 64));
}

// Flat tiles load more for each product.
bool tile_not_flat(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t tile_l = c.at("tile_l"), tile_c = c.at("tile_c") == 48 ? 64 : c.at("tile_c");
  return (tile_l <= 2 * tile_c || !is_used(2 * tile_c, out_channels_per_group(p))) &&
         (tile_c <= 2 * tile_l || !is_used(2 * tile_l, row_length(p, c)));
}

// So do small ones, which only a device that is not full needs.
bool tile_suits_device(const Problem& p, const Config& c, const DeviceProperties& device) {
  const std::int64_t tile_l = c.at("tile_l"), tile_c = c.at("tile_c");
  const bool could_be_larger = (tile_l == shortest_side && is_used(64, row_length(p, c))) ||
                               (tile_c == shortest_side && is_used(64, out_channels_per_group(p)));
  if (could_be_larger) return blocks(p, c) <= 4L * device.units;
  return tile_l * tile_c <= small_tile || 4 * blocks(p, c) >= device.units;
}

bool registers_fit(const Problem& p, const Config& c, const DeviceProperties&) {
  return cuda::copies_x(with_narrow_indices(p, c)) ||
         c.at("tile_l") * c.at("tile_c") <= largest_passing_tile;
}

bool row_used(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t bytes = in_channels_per_group(p) * element_bytes(p);
  return c.at("row_bytes") == 64 ? padded(bytes, 64) < padded(bytes, 128)
                                 : 4 * padded(bytes, 128) <= 5 * padded(bytes, 64);
}

bool taps_share_rows(const Problem& p, const Config& config, const DeviceProperties&) {
  ImplicitGemmConfig c = with_narrow_indices(p, config);
  const bool is_asked = std::exchange(c.shares_rows, true);
  const auto sharing = cuda::tap_sharing(c, conv_shape(p));
  const bool is_possible = p.kernel_size > sharing.period && sharing.shift < c.tile_l;
  return is_asked ? is_possible : c.cluster == 1 || !is_possible;
}

bool split_fills_device(const Problem& p, const Config& c, const DeviceProperties& device) {
  return c.at("split") == 1 || (c.at("tile_l") * c.at("tile_c") <= small_tile &&
                                c.at("split") * blocks(p, c) <= 2L * device.units);
}

bool has_clusters(const Problem&, const Config& c, const DeviceProperties& device) {
  return c.at("cluster") == 1 || device.compute_major >= 9;
}

bool cluster_has_steps(const Problem& p, const Config& config, const DeviceProperties&) {
  const ImplicitGemmConfig c = with_narrow_indices(p, config);
  const auto shape = conv_shape(p);
  return cuda::reaches_all(c, shape, cuda::reduction_split(c, shape));
}

bool cluster_pays(const Problem& p, const Config& config, const DeviceProperties& device) {
  const ImplicitGemmConfig c = with_narrow_indices(p, config);
  if (c.cluster == 1) return true;
  if (config.at("tile_l") * config.at("tile_c") > small_tile) return false;
  const auto shape = conv_shape(p);
  ImplicitGemmConfig other = c;
  for (other.cluster = 1; other.cluster <= largest_cluster; other.cluster *= 2) {
    if (!cuda::reaches_all(other, shape, cuda::reduction_split(other, shape))) continue;
    const double more = busiest_tiles(other, shape, device) - busiest_tiles(c, shape, device);
    if (more < 0 || (more == 0 && other.cluster < c.cluster)) return false;
  }
  return true;
}

bool split_divides_row(const Problem&, const Config& c, const DeviceProperties&) {
  return c.at("row_bytes") % (c.at("split") * cuda::slice_bytes) == 0;
}

bool stages_used(const Problem& p, const Config& c, const DeviceProperties&) {
  const std::int64_t most = steps(with_narrow_indices(p, c), conv_shape(p));
  return c.at("stages") == 2 ? most <= 2 : c.at("stages") <= most;
}

}  // namespace

ImplicitGemmConfig with_narrow_indices(const Problem& p, const Config& config) {
  const auto setting = [&](const char* name) { return static_cast<int>(config.at(name)); };
  const std::int64_t vector = 16 / element_bytes(p);
  const bool nlc = p.layout == Layout::NLC;
  const std::int64_t along_l = p.stride == 1 ? widest(p.length, 4) : 1;
  return {
      .dtype = p.dtype,
      .math = tensor_core_math_of(p),
      .layout = p.layout,
      .activation = p.activation,
      .tile_l = setting("tile_l"),
      .tile_c = setting("tile_c"),
      .row_bytes = setting("row_bytes"),
      .stages = setting("stages"),
      .shares_rows = setting("share") != 0,
      .joins_batch = joins_batch(p, config),
      .split = setting("split"),
      .cluster = setting("cluster"),
      .vec_x = static_cast<int>(nlc ? widest(in_channels_per_group(p), vector) : along_l),
      .vec_y = static_cast<int>(widest(nlc ? out_channels_per_group(p) : output_length(p), vector)),
  };
}

std::int64_t blocks(const Problem& p, const Config& c) {
  return cuda::blocks(with_narrow_indices(p, c), conv_shape(p));
}

std::int64_t shared_bytes(const Problem& p, const Config& c) {
  return cuda::most_shared_bytes(with_narrow_indices(p, c), conv_shape(p));
}

Int64 steps(const ImplicitGemmConfig& c, const Shape& shape) {
  return cuda::most_steps(c, shape, cuda::reduction_split(c, shape));
}

double busiest_tiles(const ImplicitGemmConfig& c, const Shape& shape,
                     const DeviceProperties& device) {
  const auto blocks = cuda::divide_up<Int64>(cuda::blocks(c, shape), std::max(device.units, 1));
  const Int64 exchange = c.cluster == 1 ? 0 : exchange_steps;
  return static_cast<double>(blocks) *
         (static_cast<double>(steps(c, shape) + exchange) /
          static_cast<double>(cuda::channel_steps(c, shape) * shape.taps));
}

// 128 registers hold 64 sums, fragments and 16 words of x on their way, but not when fragments must
// be rounded, too; small blocks through which x passes have some more.
int blocks_per_sm(const Problem& problem, const Config& config) {
  const ImplicitGemmConfig c = with_narrow_indices(problem, config);
  const int sums = c.tile_l * c.tile_c * c.split / cuda::threads(c);
  const int words = cuda::copies_x(c) ? 0 : cuda::passing_words(c);
  const bool are_few = sums <= 64 && words <= 16 && c.dtype != DType::float32;
  const int blocks = std::max(1, 65536 / (cuda::threads(c) * (are_few ? 128 : 256)));
  return cuda::copies_x(c) ? blocks : std::min(blocks, 3);
}

std::vector<Constraint> constraints() {
  return {
      tensor_core_math,
      below_2_to_40,
      ampere_or_later,
      {"wide_groups", "a group has at least 16 input and 16 output channels",
       [](const Problem& p, const Config&, const DeviceProperties&) { return has_wide_groups(p); }},
      {"tile_used", "each side of a tile is less than twice what there is, or 32", tile_used},
      {"forty_eight_pays",
       "tile_c is 48 where 64 needs more columns, and only for 128 positions or more",
       forty_eight_pays},
      {"tile_not_flat", "a side is at most twice the other, or the other as long as is used",
       tile_not_flat},
      {"tile_suits_device",
       "sides of 32 where 64 are used for at most 4 blocks an SM, tiles above 64 by 64 for a block "
       "to 4 SMs at least",
       tile_suits_device},
      {"registers_fit", "tiles above 128 by 128 only where x is copied, not passed by registers",
       registers_fit},
      {"row_used", "rows of 64 bytes where they need fewer zeros, of 128 for at most 25 % more",
       row_used},
      {"taps_share_rows",
       "share: some taps read the same positions, less than tile_l rows apart; always in clusters",
       taps_share_rows},
      {"split_fills_device",
       "split is 1, or tiles are at most 64 by 64, and split times blocks at most twice the SMs",
       split_fills_device},
      {"split_divides_row", "each part of a row has 32 bytes at least, what an mma takes",
       split_divides_row},
      {"device_has_clusters", "cluster is 1, or the compute capability 9.0 at least", has_clusters},
      {"cluster_has_steps", "each block of a cluster has a step of the reduction at least",
       cluster_has_steps},
      {"cluster_pays",
       "cluster is 1, or tiles are at most 64 by 64 and no other size leaves the busiest SM fewer "
       "steps, an exchange of sums counted as 4",
       cluster_pays},
      {"stages_used", "stages is at most the steps of a block, and 2 for no more than 2",
       stages_used},
      {"shared_memory_fits", "the tiles of all stages fit a block's shared memory",
       [](const Problem& p, const Config& c, const DeviceProperties& d) {
         return shared_bytes(p, c) <= d.shared_per_block_optin;
       }},
      {"grid_fits", "the grid has at most 2^31 - 1 blocks",
       [](const Problem& p, const Config& c, const DeviceProperties&) {
         return blocks(p, c) <= 0x7fffffff;
       }},
  };
}

std::vector<Parameter> parameters() {
  return {
      {"tile_l", {shortest_side, 64, 128, longest_side}, "output positions a block"},
      {"tile_c", {32, 48, 64, 128}, "output channels a block"},
      {"row_bytes", {64, 128}, "bytes of input channels a step"},
      {"stages", {2, 3, 4}, "steps in shared memory at once"},
      {"share", {0, 1}, "1: taps that read the same positions share a tile of x"},
      {"split", {1, 2, 4}, "parts of a step's channels, each with warps of its own"},
      {"cluster", {1, 2, 4, 8}, "blocks that share a tile's reduction, a cluster of them"},
  };
}

}  // namespace convtune::implicit_gemm
