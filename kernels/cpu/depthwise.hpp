#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cpu/packed.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// cpu_depthwise: one input channel a group, lanes along channels. In NCL each task turns what it
/// reads of the rows of its channels into rows of its positions. Kernel in depthwise_kernel.cpp,
/// space of configs in depthwise.cpp.
struct DepthwiseConfig {
  std::int64_t tile_l = 0;   ///< output positions of a register tile
  std::int64_t tile_c = 0;   ///< output channels of a register tile
  std::int64_t block_l = 0;  ///< output positions of a task, fewer in NCL if its stack is full
  std::int64_t block_c = 0;  ///< output channels of a task
  std::int64_t far = 0;      ///< 1: x is fetched ahead, y stored past the caches
};

/// Most elements of a task's x, and of its y, in NCL: both are turned on its stack.
inline constexpr std::int64_t depthwise_max_turned = 6144;

/// A problem made ready. Weights are [channels / tile_c][K][tile_c], so that those of a tile lie
/// side by side, bias is [channels], the channels rounded up to tile_c; what pads them is 0.
struct DepthwisePlan {
  using Task = void (*)(const DepthwisePlan&, const void* x, void* y, std::int64_t task);

  Problem problem;
  DepthwiseConfig config;
  std::int64_t length_out = 0;
  std::int64_t block_l = 0;     ///< output positions of a task
  std::int64_t multiplier = 0;  ///< output channels of one input channel
  std::int64_t blocks_l = 0, blocks_c = 0;
  bool past_caches = false;  ///< how y is stored where it begins with a cache line
  PackedFloats weights, bias;
  std::vector<std::int32_t> inputs;  ///< i / multiplier
  Task task = nullptr;
};

/// The code for a tile on the SIMD target in use; null if it has none.
DepthwisePlan::Task depthwise_task(DType dtype, const DepthwiseConfig& config);

/// Digest of depthwise_kernel.cpp and the CPU headers that it includes.
std::string depthwise_digest();

}  // namespace convtune
