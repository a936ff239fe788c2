#pragma once

#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/halo_config.hpp"
#include "kernels/cuda/halo_multiply.cuh"

namespace convtune::cuda {

// How conv1d_halo writes y: the block's tile is put together in shared memory, in the layout of y,
// and copied out in whole lines.

/// Calls visit(sum, i) for a thread's sums.
template <HaloConfig config, class Visit>
void for_each_sum(HaloSums<config>& sums, const Visit& visit) {
  CONVTUNE_UNROLL
  for (int i = 0; i < cuda::sums(config); ++i) {
    const int at = i / fragment(config);
    visit(sums[at / fragments_c(config)][at % fragments_c(config)][i % fragment(config)], i);
  }
}

/// Adds up the parts of a split in the first warp. All threads call it.
template <HaloConfig config>
void add_parts(HaloSums<config>& sums, int part, float* parts) {
  constexpr int size = cuda::sums(config) * 32;
  if (part > 0) {
    float* to = parts + (part - 1) * size + lane_index();
    for_each_sum<config>(sums, [to](float& sum, int i) { to[i * 32] = sum; });
  }
  block_barrier();
  if (part > 0) return;
  for (int other = 0; other < config.split - 1; ++other) {
    const float* from = parts + other * size + lane_index();
    for_each_sum<config>(sums, [from](float& sum, int i) { sum += from[i * 32]; });
  }
}

/// Puts a warp's sums into the block's tile: adds the bias, activates and rounds. `position` and
/// `column` are the tile's first, of `channels` that exist.
template <HaloConfig config, class T>
void put_tile(const HaloOutPlan& plan, HaloSums<config>& sums, const float* bias, int position,
              int column, int channels, T* out) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int widest = config.tile_c < 4 ? config.tile_c : 4;
  constexpr int width = is_matrix(config) ? 2 : widest;  // neighbouring channels of a thread
  constexpr int halves = is_matrix(config) ? 2 : 1;      // positions of a fragment
  constexpr int step = is_matrix(config) ? 1 : width;
  CONVTUNE_UNROLL
  for (int c = 0; c < fragments_c(config); c += step) {
    const int channel = sum_channel<config>(c, 0);
    float offset[width];
    load_floats(bias + channel, offset);
    const bool whole = nlc && channel + width <= channels && (column + channel) % width == 0 &&
                       plan.pitch % width == 0;
    CONVTUNE_UNROLL
    for (int i = 0; i < fragments_l(config) * halves; ++i) {
      const int half = i % halves;
      const int at = position + sum_position<config>(i / halves, half * 2);
      float values[width];
      CONVTUNE_UNROLL
      for (int v = 0; v < width; ++v) {
        const float sum =
            is_matrix(config) ? sums[i / halves][c][half * 2 + v] : sums[i / halves][c + v][0];
        values[v] = activate<config.activation>(sum + offset[v]);
      }
      const Vector<T, width> rounded_values = rounded<T>(values);
      if (whole) {
        store_shared(out + at * plan.pitch + column + channel, rounded_values);
      } else {
        CONVTUNE_UNROLL
        for (int v = 0; v < width; ++v) {
          const int to = column + channel + v;
          if (channel + v < channels)
            out[nlc ? at * plan.pitch + to : to * plan.pitch + at] = rounded_values.at[v];
        }
      }
    }
  }
}

/// Copies `rows` lines of `elements` from the tile to y, whose lines are `apart`.
template <HaloConfig config, class Index, class T>
void copy_tile(const HaloOutPlan& plan, const T* out, T* y, Index apart, int rows, int elements) {
  constexpr int vec = config.vec_y;
  const auto thread = static_cast<int>(thread_index());
  const int lanes =
      config.layout == Layout::NLC ? plan.lanes : halo_lanes(block_l(config) / vec, 32);
  for (int row = thread / lanes; row < rows; row += halo_threads / lanes) {
    for (int e = (thread & (lanes - 1)) * vec; e < elements; e += lanes * vec)
      store(y + row * apart + e, load_shared<vec>(out + row * plan.pitch + e));
  }
}

}  // namespace convtune::cuda
