#include "kernels/cuda/halo_pack.hpp"

#include <cstring>

#include "kernels/cuda/cuda_kernel.hpp"

namespace convtune {
namespace {

using cuda::HaloConfig;
using cuda::HaloPlan;

/// A tap and a channel of a group that an element of a word belongs to.
struct Product {
  std::int64_t tap = 0;
  std::int64_t channel = 0;
};

/// Element `element` of the word row `row` of a chunk.
Product product_at(const HaloConfig& c, const HaloPlan& plan, std::int64_t chunk, std::int64_t row,
                   std::int64_t element) {
  if (c.folded) return {.tap = row * 2 + element};
  const std::int64_t word = chunk * plan.chunk + row % plan.chunk;
  return {.tap = row / plan.chunk, .channel = word * word_channels(c) + element};
}

bool exists(const Problem& p, const Product& at) {
  return at.tap >= 0 && at.tap < p.kernel_size && at.channel < in_channels_per_group(p);
}

/// Where the words of a row begin in shared memory.
std::int64_t row_offset(const Problem& p, const HaloConfig& c, const HaloPlan& plan,
                        std::int64_t row) {
  const Product first = product_at(c, plan, 0, row, 0);
  const std::int64_t taps = cuda::run_taps(c, conv_shape(p));
  const std::int64_t stride = cuda::run_stride(c, conv_shape(p));
  if (first.tap >= taps) return plan.zero_row;
  if (c.folded && first.tap + 1 == taps) return plan.zero_row + cuda::block_l(c);
  const std::int64_t position = plan.lead + first.tap * p.dilation;
  const std::int64_t word = c.folded ? 0 : row % plan.chunk;
  return word * plan.channel_pitch + position % stride * plan.phase_pitch + position / stride;
}

/// The row of a step whose words come at that place in the table: a lane of an mma reads rows
/// lane % 4 and lane % 4 + 4, which lie side by side.
std::int64_t row_in_step(const HaloConfig& c, std::int64_t place) {
  return is_matrix(c) ? place / 2 + place % 2 * 4 : place;
}

/// A column of a tile: an output channel, whose first tap is that of the tile's rows or, in a run,
/// a later one.
struct Column {
  std::int64_t co;
  std::int64_t first_tap;
  int in_tile;
};

/// One column's weights of all chunks; `to` is its tile's.
void pack_column(const Problem& p, const HaloConfig& c, const HaloPlan& plan, const char* weight,
                 const Column& column, char* to) {
  const std::size_t bytes = size_of(p.dtype);
  const std::int64_t rows = std::int64_t{plan.steps} * step_rows(c);
  for (std::int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
    for (std::int64_t i = 0; i < rows * word_elements(c); ++i) {
      const std::int64_t row = i / word_elements(c);
      const std::int64_t element = i % word_elements(c);
      Product at = product_at(c, plan, chunk, row, element);
      at.tap -= column.first_tap;
      if (!exists(p, at)) continue;
      const std::int64_t step = chunk * plan.steps + row / step_rows(c);
      const std::int64_t place =
          step * step_weights(c) + weight_place(c, static_cast<int>(row % step_rows(c)),
                                                static_cast<int>(element), column.in_tile);
      std::memcpy(
          to + static_cast<std::size_t>(place) * bytes,
          weight + static_cast<std::size_t>(weight_index(p, at.tap, at.channel, column.co)) * bytes,
          bytes);
    }
  }
}

}  // namespace

void pack_halo(const Problem& problem, const HaloConfig& c, const void* weight, const void* bias,
               void* packed) {
  const auto shape = conv_shape(problem);
  const HaloPlan plan = halo_plan(c, shape);
  const cuda::Int64 steps = plan.steps;
  std::memset(packed, 0, static_cast<std::size_t>(packed_bytes(c, shape)));
  char* to = static_cast<char*>(packed);
  const cuda::HaloPlans plans = {.in = plan, .out = halo_out_plan(c, shape)};
  std::memcpy(to, &plans, sizeof plans);

  auto* table = reinterpret_cast<int*>(to + cuda::table_offset);
  for (std::int64_t i = 0; i < steps * step_rows(c); ++i) {
    const std::int64_t first = i / step_rows(c) * step_rows(c);
    table[i] =
        static_cast<int>(row_offset(problem, c, plan, first + row_in_step(c, i % step_rows(c))));
  }

  char* weights = to + weights_offset(c, steps);
  auto* bias_to = reinterpret_cast<float*>(to + bias_offset(c, steps, packed_weights(c, shape)));
  const std::int64_t tile_bytes =
      tile_weights<cuda::Int64>(c, plan.chunks, steps) * element_bytes(c);
  for (std::int64_t co = 0; co < problem.out_channels; ++co) {
    const std::int64_t in_group = co % shape.out_channels;
    const std::int64_t tile = co / shape.out_channels * plan.tiles_per_group + in_group / c.tile_c;
    for (int i = 0; i < cuda::run_outputs(c, shape); ++i) {
      const Column column = {
          .co = co,
          .first_tap = i * (shape.stride / shape.dilation),
          .in_tile = static_cast<int>(i * shape.out_channels + in_group % c.tile_c)};
      pack_column(problem, c, plan, static_cast<const char*>(weight), column,
                  weights + tile * tile_bytes);
      if (bias != nullptr)
        bias_to[tile * c.tile_c + column.in_tile] = load_element(bias, problem.dtype, co);
    }
  }
}

}  // namespace convtune
