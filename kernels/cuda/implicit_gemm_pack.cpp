#include "kernels/cuda/implicit_gemm_pack.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/cuda/cuda_kernel.hpp"

namespace convtune {
namespace {

using cuda::ImplicitGemmConfig;

/// One tile of the weights: a tap of the channels of a group from `first_ci` on, for the output
/// channels of a block.
struct WeightTile {
  std::int64_t tap;
  std::int64_t first_ci;
  std::int64_t channels;  ///< input
  std::int64_t first_co;  ///< of all groups
  std::int64_t out_channels;
};

void pack_tile(const Problem& p, const ImplicitGemmConfig& c, const WeightTile& tile,
               const char* from, char* to) {
  const std::int64_t element = element_bytes(c);
  for (int row = 0; row < tile.out_channels; ++row) {
    for (std::int64_t i = 0; i < tile.channels; ++i) {
      const auto chunk = static_cast<int>(i * element / 16);
      const std::int64_t place = cuda::swizzled_chunk(c.row_bytes, row, chunk);
      const std::int64_t at = std::int64_t{row} * c.row_bytes + place * 16 + i * element % 16;
      const std::int64_t source = weight_index(p, tile.tap, tile.first_ci + i, tile.first_co + row);
      std::memcpy(to + at, from + source * element, static_cast<std::size_t>(element));
    }
  }
}

}  // namespace

void pack_implicit_gemm(const Problem& problem, const ImplicitGemmConfig& c, const void* weight,
                        const void* bias, void* packed) {
  const auto shape = conv_shape(problem);
  const std::int64_t group_blocks = cuda::channel_blocks(c, shape);
  const std::int64_t step = cuda::step_channels(c);
  char* to = static_cast<char*>(packed);
  auto* const bias_to = reinterpret_cast<float*>(to + cuda::bias_offset(c, shape));
  std::memset(packed, 0, static_cast<std::size_t>(cuda::packed_bytes(c, shape)));
  for (std::int64_t block = 0; block < shape.groups * group_blocks; ++block) {
    const std::int64_t first = block % group_blocks * c.tile_c;
    WeightTile tile = {
        .first_co = block / group_blocks * shape.out_channels + first,
        .out_channels = std::min<std::int64_t>(c.tile_c, shape.out_channels - first)};
    for (tile.first_ci = 0; tile.first_ci < shape.in_channels; tile.first_ci += step) {
      tile.channels = std::min<std::int64_t>(step, shape.in_channels - tile.first_ci);
      for (tile.tap = 0; tile.tap < shape.taps; ++tile.tap) {
        pack_tile(problem, c, tile, static_cast<const char*>(weight), to);
        to += cuda::w_tile_bytes(c);
      }
    }
    for (std::int64_t i = 0; i < tile.out_channels && bias != nullptr; ++i)
      bias_to[block * c.tile_c + i] = load_element(bias, problem.dtype, tile.first_co + i);
  }
}

}  // namespace convtune
