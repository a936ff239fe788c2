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
  constexpr int size = cuda::sums(config) * warp_lanes;
  if (part > 0) {
    float* to = parts + (part - 1) * size + lane_index();
    for_each_sum<config>(sums, [to](float& sum, int i) { to[i * warp_lanes] = sum; });
  }
  block_barrier();
  if (part > 0) return;
  for (int other = 0; other < config.split - 1; ++other) {
    const float* from = parts + other * size + lane_index();
    for_each_sum<config>(sums, [from](float& sum, int i) { sum += from[i * warp_lanes]; });
  }
}

/// Neighbouring channels that a thread has sums of.
constexpr int neighbours(HaloConfig c) {
  if (is_matrix(c)) return 2;
  return c.tile_c < 4 ? c.tile_c : 4;
}

/// Neighbouring channels of one position, from fragment (i, c): adds the bias, activates, rounds.
template <HaloConfig config, class T>
Vector<T, neighbours(config)> finished(const HaloSums<config>& sums,
                                       const float (&bias)[neighbours(config)], int i, int half,
                                       int c) {
  float values[neighbours(config)];
  CONVTUNE_UNROLL
  for (int v = 0; v < neighbours(config); ++v) {
    const float sum = is_matrix(config) ? sums[i][c][half * 2 + v] : sums[i][c + v][0];
    values[v] = activate<config.activation>(sum + bias[v]);
  }
  return rounded<T>(values);
}

/// Puts a warp's sums into the block's tile. `position` and `column` are its first ones, `channels`
/// what it may fill.
template <HaloConfig config, class T>
void put_tile(const HaloOutPlan& plan, const HaloSums<config>& sums, const float* bias,
              int position, int column, int channels, T* out) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int width = neighbours(config);
  constexpr int halves = is_matrix(config) ? 2 : 1;  // positions of a fragment
  CONVTUNE_UNROLL
  for (int c = 0; c < fragments_c(config); c += is_matrix(config) ? 1 : width) {
    const int channel = sum_channel<config>(c, 0);
    const int to = column + channel;
    float offset[width];
    load_floats(bias + channel, offset);
    const bool as_vector = nlc && channel + width <= channels && to % width == 0;
    CONVTUNE_UNROLL
    for (int i = 0; i < fragments_l(config) * halves; ++i) {
      const int at = position + sum_position<config>(i / halves, i % halves * 2);
      const auto values = finished<config, T>(sums, offset, i / halves, i % halves, c);
      if (as_vector) {
        store_shared(out + at * plan.pitch + to, values);
      } else {
        CONVTUNE_UNROLL
        for (int v = 0; v < width; ++v) {
          if (channel + v < channels)
            out[nlc ? at * plan.pitch + to + v : (to + v) * plan.pitch + at] = values.at[v];
        }
      }
    }
  }
}

/// Likewise for runs of positions, of which `run` is the tile's first one; `channels` are a
/// group's.
template <HaloConfig config, class T>
void put_runs(const HaloOutPlan& plan, const HaloSums<config>& sums, const float* bias, int run,
              int column, int channels, T* out) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const int outputs = config.tile_c / channels;
  CONVTUNE_UNROLL
  for (int c = 0; c < fragments_c(config) * 2; ++c) {
    const int at = sum_channel<config>(c / 2, c % 2);
    const int output = at / channels;
    if (output == outputs) continue;
    const int to = column + at - output * channels;
    const float offset = load<1>(bias + at).at[0];
    CONVTUNE_UNROLL
    for (int i = 0; i < fragments_l(config) * 2; ++i) {
      const int position = (run + sum_position<config>(i / 2, i % 2 * 2)) * outputs + output;
      const float sum = sums[i / 2][c / 2][i % 2 * 2 + c % 2];
      out[nlc ? position * plan.pitch + to : to * plan.pitch + position] =
          from_float<T>(activate<config.activation>(sum + offset));
    }
  }
}

/// Copies `rows` lines of `elements` from the tile to y, whose lines are `apart`.
template <HaloConfig config, class Index, class T>
void copy_tile(const HaloOutPlan& plan, const T* out, T* y, Index apart, int rows, int elements) {
  constexpr int vec = config.vec_y;
  const auto thread = static_cast<int>(thread_index());
  const int line = config.filled ? elements : block_l(config);
  const int lanes = config.layout == Layout::NLC ? plan.lanes : lanes_for(line / vec, 32);
  for (int row = thread / lanes; row < rows; row += halo_threads / lanes) {
    for (int e = (thread & (lanes - 1)) * vec; e < elements; e += lanes * vec)
      store(y + row * apart + e, load_shared<vec>(out + row * plan.pitch + e));
  }
}

}  // namespace convtune::cuda
