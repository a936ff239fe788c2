#pragma once

#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/halo_config.hpp"
#include "kernels/cuda/halo_store.cuh"
#include "kernels/cuda/repair.cuh"

namespace convtune::cuda {

// In runs a column has zeros for the taps of its neighbours. Sums that these made NaN conv1d_halo
// adds up again, without them: from memory, for the chunks of x have come and gone.

/// A warp's outputs, and what they are computed from.
template <class Index, class T>
struct HaloRuns {
  const T* x;        ///< position 0 of the group's first channel
  const T* weights;  ///< of the tile
  Index first;       ///< output of its first run
};

/// Where the weight of a tap and a channel lies, in the column of a run's first output.
template <HaloConfig config, class Index>
Index weight_at(const HaloPlan& plan, Index tap, Index channel, int column) {
  const Index word = config.folded ? 0 : channel / 2;
  const Index chunk = word / plan.chunk;
  const Index row = config.folded ? tap / 2 : tap * plan.chunk + word % plan.chunk;
  const auto element = static_cast<int>(config.folded ? tap % 2 : channel % 2);
  const auto in_step = static_cast<int>(row % step_rows(config));
  return (chunk * plan.steps + row / step_rows(config)) * step_weights(config) +
         weight_place(config, in_step, element, column);
}

/// One output, by the products of its own taps alone.
template <HaloConfig config, class Index, class T>
float sum_of_taps(const ConvShape<Index>& shape, const HaloPlan& plan,
                  const HaloRuns<Index, T>& runs, Index output, int column) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const Index along_l = nlc ? shape.groups * shape.in_channels : 1;
  const Index along_c = nlc ? 1 : shape.length;
  float sum = 0;
  for (Index ci = 0; ci < shape.in_channels; ++ci) {
    CONVTUNE_KEEP_LOOP
    for (Index k = 0; k < shape.taps; ++k) {
      const Index position = output * shape.stride + k * shape.dilation - shape.pad_left;
      if (!is_inside(position, shape.length)) continue;
      const T x = load<1>(runs.x + position * along_l + ci * along_c).at[0];
      const T w = load<1>(runs.weights + weight_at<config>(plan, k, ci, column)).at[0];
      sum += to_float(x) * to_float(w);
    }
  }
  return sum;
}

template <HaloConfig config, class Index, class T>
void repair_runs(const ConvShape<Index>& shape, const HaloPlan& plan,
                 const HaloRuns<Index, T>& runs, HaloSums<config>& sums) {
  const auto channels = static_cast<int>(shape.out_channels);
  repair<cuda::sums(config)>(
      [&sums](const auto& visit) { for_each_sum<config>(sums, visit); },
      [&](int i) {
        const int at = i / fragment(config), e = i % fragment(config);
        const int run = sum_position<config>(at / fragments_c(config), e);
        const int column = sum_channel<config>(at % fragments_c(config), e);
        const Index output = runs.first + run * run_outputs(config, shape) + column / channels;
        return sum_of_taps<config>(shape, plan, runs, output, column % channels);
      });
}

}  // namespace convtune::cuda
