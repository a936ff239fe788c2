#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/packed.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// cpu_length: y in register tiles of tile_c output channels × tile_l positions, lanes along the
/// length, fed from a window of x that each task lays out for itself: one row of float32 for each
/// input channel and phase of the stride, so that every tap reads consecutive positions. Kernel in
/// length_kernel.cpp, plans in length_pack.cpp, space of configs in length.cpp.
struct LengthConfig {
  std::int64_t tile_l = 0;   ///< output positions of a register tile
  std::int64_t tile_c = 0;   ///< output channels of a register tile
  std::int64_t block_l = 0;  ///< output positions of a task, whole tiles
  std::int64_t window = 0;   ///< most floats of x laid out at once; 0: x is read where it lies
  std::int64_t far = 0;      ///< 1: y is stored past the caches
};

/// Floats of a small window, of which there is one even where x is read in place: at its borders.
inline constexpr std::int64_t length_small_window = 8192;
/// Floats on a task's stack: the window of x, and the sums of its outputs.
inline constexpr std::int64_t length_max_window = 32768;
inline constexpr std::int64_t length_max_sums = 16384;
/// Floats of a window that surely stays in the nearest cache.
inline constexpr std::int64_t length_near_window = 6144;
/// Bytes of arrays that an L2 may hold.
inline constexpr std::int64_t length_near_bytes = std::int64_t{2} << 20;

/// Outputs from which on a row is long; also a block's.
inline constexpr std::int64_t length_long_row = 1024;

/// Whether an element of x, which no L2 holds, meets at most 8 weights: its way from memory is what
/// takes time, and less of it if long rows are read in turn, a few at once.
bool takes_rows_in_turn(const Problem& problem);

/// What is fetched ahead where x is in no near cache: for channels first + i · every, none from
/// LengthTile::channels on, what outputs read there that follow the tile's by a strip or a block.
struct LengthAhead {
  const std::byte* x = nullptr;     ///< of the first channel and position
  std::int64_t channel_bytes = 0;   ///< from one channel to the next
  std::int64_t position_bytes = 0;  ///< from one output position to the next
  std::int64_t first = 0, every = 0;
};

/// A row of register tiles: sums[c][t] (+)=
///   Σ_channel Σ_tap x[channel · channel_step + offsets[tap] + t] · w[channel][tap][c]
struct LengthTile {
  std::int64_t positions = 0;  ///< of all tiles; a part of the last one is computed like a whole
  const float* x = nullptr;
  std::int64_t channel_step = 0;
  const std::int64_t* offsets = nullptr;
  std::int64_t channels = 0, taps = 0;
  const float* w = nullptr;
  std::int64_t w_channel_step = 0;
  const float* bias = nullptr;  ///< where the sums start; null: where an earlier pass left them
  float* sums = nullptr;
  std::int64_t sums_step = 0;  ///< from one output channel to the next
  bool sums_in_y = false;      ///< perhaps in no near cache: the next tile's are fetched ahead
  LengthAhead ahead;
  bool past_caches = false;  ///< whether the sums, final and of whole cache lines, are so stored

  using Code = void (*)(const LengthTile&);
};

/// A problem made ready. Weights are [G][tiles_c][Cin/G][K][tile_c], bias is [G][tiles_c][tile_c];
/// what pads them is 0. Passes sum pass_channels channels and pass_taps taps of a window, or
/// rows_in_place channels and all taps where x is read in place; tap k of a pass reads its
/// channel's rows from offsets[k] on.
struct LengthPlan {
  using Task = void (*)(const LengthPlan&, const void* x, void* y, std::int64_t task);

  Problem problem;
  LengthConfig config;
  std::int64_t length_out = 0;
  std::int64_t group_in = 0, group_out = 0;  ///< channels of one group in x and in y
  std::int64_t tiles_c = 0;                  ///< register tiles over a group's output channels
  std::int64_t pass_taps = 0, pass_channels = 0;
  std::int64_t rows_in_place = 0;     ///< channels of a pass where x is read in place
  std::int64_t row_floats = 0;        ///< of one phase of one channel in the window
  std::vector<std::int64_t> phases;   ///< remainders by the stride that the taps of a pass have
  std::vector<std::int64_t> offsets;  ///< of each tap of a pass in a channel's rows
  std::int64_t task_tiles = 0;        ///< register tiles of channels that share a window
  std::int64_t blocks_l = 0, blocks_c = 0;
  std::int64_t task_units = 0;  ///< consecutive (n, group, block_c, block_l) of one task
  bool x_is_large = false;  ///< no near cache holds it, and it has more rows than hardware follows
  bool weights_are_finite = true;  ///< so that 0 times a weight is 0
  PackedFloats weights, bias;
  LengthTile::Code tile = nullptr;
  Task task = nullptr;

  std::int64_t channel_floats() const {
    return static_cast<std::int64_t>(phases.size()) * row_floats;
  }
  std::int64_t units() const { return problem.batch * problem.num_groups * blocks_c * blocks_l; }
};

/// Passes, windows and tasks of a plan whose problem, config and channels are set.
void plan_passes(LengthPlan& plan);

/// Fills weights and bias.
void pack(LengthPlan& plan, const void* weight, const void* bias);

/// The code on the SIMD target in use; null if it has none for the tile.
LengthTile::Code length_tile(std::int64_t tile_c, std::int64_t tile_l);
LengthPlan::Task length_task(DType dtype);

/// Digest of length_kernel.cpp, length_pack.cpp and the CPU headers that they include.
std::string length_digest();

}  // namespace convtune
