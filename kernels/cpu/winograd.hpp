#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "kernels/cpu/packed.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// cpu_winograd: patches of x (winograd_patch.hpp), transformed by each task into a buffer of its
/// own, times transformed weights in register tiles of rows × columns, for each of the m + 2
/// products in turn. Lanes are columns: in NLC output channels, with patches as rows; in NCL
/// patches, with output channels as rows. Kernel in winograd_kernel.cpp, space of configs in
/// winograd.cpp.
struct WinogradConfig {
  std::int64_t outputs = 0;  ///< m of F(m,3): consecutive outputs of a patch
  std::int64_t rows = 0;     ///< of a register tile
  std::int64_t columns = 0;  ///< of a register tile
  std::int64_t block = 0;    ///< output positions of a task
};

/// Output channels whose products a task holds at once.
inline constexpr std::int64_t winograd_task_channels = 128;
/// The most products of a task's patches for one input and one output channel.
inline constexpr std::int64_t winograd_task_products = 384;
/// Floats of transformed patches in one pass, on a task's stack.
inline constexpr std::int64_t winograd_max_input = 65536;

/// A problem made ready. A group's output channels are cut into tiles of tile_c, weights are
/// [G][tiles_c][m + 2][Cin/G][tile_c], bias is [G][tiles_c][tile_c]; what pads them is 0. Input
/// channels are summed in passes of pass_channels. What a task holds of a pass is in NLC
/// [m + 2][patches][row_step], and in NCL [m + 2][patches / columns][pass_channels][columns]; its
/// products are [m + 2][patches][columns] and [m + 2][rows][patches] for each tile.
struct WinogradPlan {
  using Task = void (*)(const WinogradPlan&, const void* x, void* y, std::int64_t task);

  Problem problem;
  WinogradConfig config;
  std::int64_t length_out = 0;
  std::int64_t group_in = 0, group_out = 0;  ///< channels of one group in x and in y
  std::int64_t tile_c = 0, tiles_c = 0;
  std::int64_t all_patches = 0;  ///< of a batch row
  std::int64_t patches = 0;      ///< of a task; in NCL whole register tiles
  std::int64_t pass_channels = 0;
  std::int64_t row_step = 0;
  std::int64_t task_tiles = 0;  ///< tiles of output channels that share transformed patches
  std::int64_t blocks_l = 0, blocks_c = 0;
  PackedFloats weights, bias;
  Task task = nullptr;

  bool one_pass() const { return pass_channels == group_in; }
  std::int64_t products() const { return config.outputs + 2; }
};

/// Output channels of a tile, those that pad it left out.
inline std::int64_t channels_of(const WinogradPlan& plan, std::int64_t tile) {
  return std::min(plan.tile_c, plan.group_out - tile * plan.tile_c);
}

/// Patches of a batch row: their outputs are one dilation apart.
std::int64_t all_patches(const Problem& problem, std::int64_t outputs);

/// Patches of a task; in NCL those of the last register tile's idle columns, too.
std::int64_t task_patches(const Problem& problem, const WinogradConfig& config);

/// Passes, tiles and tasks of a plan whose problem, config and channels are set.
void plan_passes(WinogradPlan& plan);

/// Fills weights and bias.
void pack(WinogradPlan& plan, const void* weight, const void* bias);

/// The code for the problem on the SIMD target in use; null if it has none for the config.
WinogradPlan::Task winograd_task(const Problem& problem, const WinogradConfig& config);

/// Digest of winograd_kernel.cpp and the CPU headers that it includes.
std::string winograd_digest();

}  // namespace convtune
