#pragma once

#include <cstdint>
#include <string>

#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// cpu_direct: y in register tiles of tile_l positions × tile_c output channels, lanes along output
/// channels in both layouts. Kernel in direct_kernel.cpp, space of configs in direct.cpp.
struct DirectConfig {
  std::int64_t tile_l = 0;       ///< output positions of a register tile
  std::int64_t tile_c = 0;       ///< output channels of a register tile
  std::int64_t block_l = 0;      ///< output positions of a task
  std::int64_t block_c = 0;      ///< input channels of one pass over a task's outputs; 0: all
  std::int64_t taps_inside = 0;  ///< 1: for each channel all taps; 0: for each tap all channels
};

/// Most outputs of one task: their sums lie on its stack.
inline constexpr std::int64_t direct_max_sums = 8192;

/// A problem made ready. With G groups, tiles of output channels within a group, and passes over
/// block_c of its input channels, weights are [G][tiles_c][passes] of [taps][channels][tile_c], or
/// of [channels][taps][tile_c] if taps_inside; bias is [G][tiles_c][tile_c]. Both end in zeros.
struct DirectPlan {
  using Task = void (*)(const DirectPlan&, const void* x, void* y, std::int64_t task);

  Problem problem;
  DirectConfig config;
  std::int64_t length_out = 0;
  std::int64_t group_in = 0, group_out = 0;  ///< channels of one group in x and in y
  std::int64_t position_step = 0;            ///< elements from one position of x to the next
  std::int64_t channel_step = 0;             ///< elements from one channel of x to the next
  std::int64_t lanes = 0;  ///< of a vector; the last tile of a group is no wider than it must be
  std::int64_t blocks_l = 0, tiles_c = 0;
  PackedFloats weights, bias;
  Task task = nullptr;
};

/// Output channels of a group's tile with its padding: tile_c, or as many vectors as hold what is
/// left of the group. Weights of such a tile are packed to this width.
inline std::int64_t width_of(const DirectPlan& plan, std::int64_t tile) {
  const std::int64_t left = plan.group_out - tile * plan.config.tile_c;
  return left >= plan.config.tile_c || plan.lanes >= plan.config.tile_c
             ? plan.config.tile_c
             : ceil_div(left, plan.lanes) * plan.lanes;
}

/// The code for a tile's width on the SIMD target in use; null if it has none.
DirectPlan::Task direct_task(DType dtype, std::int64_t tile_c);

/// Digest of direct_kernel.cpp and the CPU headers that it includes.
std::string direct_digest();

}  // namespace convtune
