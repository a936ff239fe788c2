#pragma once

#include <cstdint>
#include <string>

#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// cpu_direct: y in register tiles of tile_l positions × tile_c output channels, lanes along output
/// channels in both layouts. float32 is read where it lies, other types from a window of x that
/// each task widens. Kernel in direct_kernel.cpp, space of configs in direct.cpp.
struct DirectConfig {
  std::int64_t tile_l = 0;          ///< output positions of a register tile
  std::int64_t tile_c = 0;          ///< output channels of a register tile
  std::int64_t block_l = 0;         ///< output positions of a task
  std::int64_t block_c = 0;         ///< input channels of one pass over a task's outputs; 0: all
  std::int64_t channels_first = 0;  ///< 1: the next task has other channels; 0: other positions
};

/// On a task's stack: the sums of one tile of output channels, and floats of x laid out at once.
inline constexpr std::int64_t direct_max_sums = 8192;
inline constexpr std::int64_t direct_max_window = 65536;

/// Output channels, rounded to tiles, that share a window: worth its pains, and leaving enough
/// tasks.
inline constexpr std::int64_t direct_window_channels = 128;

/// Floats of y (64 MiB) from which on rows that lie on whole cache lines are stored past the
/// caches, which would fetch what is overwritten. No parameter says so: from there on it pays.
inline constexpr std::int64_t direct_uncached_floats = std::int64_t{1} << 24;

/// A problem made ready. Taps are summed in passes of pass_taps, channels in passes of
/// pass_channels. With G groups and tiles of output channels within a group, weights are
/// [G][tiles_c][passes of channels] of [taps][channels][tile_c], or of [channels][taps][tile_c] if
/// taps_inside; bias is [G][tiles_c][tile_c]. Both end in zeros.
/// What a pass reads has slots: tap k of output row i of a task reads slot i · slot_row + k ·
/// slot_tap. They are the positions from the task's first on, or where the taps lie so far apart
/// that they share too few, for each tap in turn the positions that it reads.
struct DirectPlan {
  using Task = void (*)(const DirectPlan&, const void* x, void* y, std::int64_t task);

  Problem problem;
  DirectConfig config;
  std::int64_t length_out = 0;
  std::int64_t group_in = 0, group_out = 0;  ///< channels of one group in x and in y
  std::int64_t pass_taps = 0, pass_channels = 0;
  bool taps_inside = false;  ///< all taps of a channel in turn, not all channels of a tap
  std::int64_t slot_row = 0, slot_tap = 0;
  std::int64_t slot_step = 0, channel_step = 0;  ///< elements from one slot or channel to the next
  std::int64_t lanes = 0;    ///< of a vector; the last tile of a group is no wider than it must be
  std::int64_t block_l = 0;  ///< output positions of a task, fewer if windows are full
  std::int64_t blocks_l = 0;
  std::int64_t block_n = 0, blocks_n = 0;     ///< batch rows of a task, several if they are short
  std::int64_t tiles_c = 0;                   ///< of a group
  std::int64_t task_tiles = 0, blocks_c = 0;  ///< tiles that share a window, and their number
  bool past_caches = false;                   ///< how y is stored where it lies on whole lines
  PackedFloats weights, bias;
  Task task = nullptr;

  bool one_pass() const { return pass_taps == problem.kernel_size && pass_channels == group_in; }
};

/// Output channels of a group's tile with its padding: tile_c, or as many vectors as hold what is
/// left of the group. Weights of such a tile are packed to this width.
inline std::int64_t width_of(const DirectPlan& plan, std::int64_t tile) {
  const std::int64_t left = plan.group_out - tile * plan.config.tile_c;
  return left >= plan.config.tile_c || plan.lanes >= plan.config.tile_c
             ? plan.config.tile_c
             : ceil_div(left, plan.lanes) * plan.lanes;
}

/// Passes and windows of a plan whose problem, config and channels are set.
void plan_passes(DirectPlan& plan);

/// Fills weights and bias.
void pack(DirectPlan& plan, const void* weight, const void* bias);

/// The code for a tile's width on the SIMD target in use; null if it has none.
DirectPlan::Task direct_task(DType dtype, std::int64_t tile_c);

/// Digest of direct_kernel.cpp and the CPU headers that it includes.
std::string direct_digest();

}  // namespace convtune
