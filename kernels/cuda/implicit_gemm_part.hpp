#pragma once

// Seen by host and device, so that pruning, launch and kernel cannot disagree.

#include "kernels/cuda/implicit_gemm_config.hpp"

// How the blocks of a cluster share the reduction of a tile: each convolves with some of the
// channels and some of the taps as if there were no others, and y is the sum of what they find.

namespace convtune::cuda {

/// Into how many parts the channels, by whole steps of them, and the taps are cut.
struct ReductionSplit {
  int channels = 1;
  int taps = 1;
};

/// Whether each block has a step.
template <class Index>
constexpr bool reaches_all(ImplicitGemmConfig c, const ConvShape<Index>& s, ReductionSplit split) {
  return split.channels <= channel_steps(c, s) && split.taps <= s.taps;
}

/// Steps of the block that has most.
template <class Index>
constexpr Index most_steps(ImplicitGemmConfig c, const ConvShape<Index>& s, ReductionSplit split) {
  return divide_up(channel_steps(c, s), Index{split.channels}) *
         divide_up(s.taps, Index{split.taps});
}

/// The split among c.cluster that reaches all, if there is one, with the fewest steps for the block
/// that has most. Of equals it is that with the most parts of the channels: x then comes once.
template <class Index>
constexpr ReductionSplit reduction_split(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  ReductionSplit best = {c.cluster, 1};
  for (int taps = 2; taps <= c.cluster; taps *= 2) {
    const ReductionSplit split = {c.cluster / taps, taps};
    const bool is_better =
        reaches_all(c, s, split) && most_steps(c, s, split) < most_steps(c, s, best);
    if (is_better || !reaches_all(c, s, best)) best = split;
  }
  return best;
}

/// Of `size` things in a row, part `i` of `parts` that are as equal as can be.
template <class Index>
struct Part {
  Index first = 0;
  Index size = 0;
};
template <class Index>
constexpr Part<Index> part_of(Index size, int parts, int i) {
  const Index first = size * i / parts;
  return {first, size * (i + 1) / parts - first};
}

/// What the block of a rank adds up.
template <class Index>
struct ReductionPart {
  Part<Index> steps;  ///< of the channels
  Part<Index> taps;
};
template <class Index>
constexpr ReductionPart<Index> reduction_part(ImplicitGemmConfig c, const ConvShape<Index>& s,
                                              int rank) {
  const ReductionSplit split = reduction_split(c, s);
  return {part_of(channel_steps(c, s), split.channels, rank % split.channels),
          part_of(s.taps, split.taps, rank / split.channels)};
}

/// The convolution with that part. Its channels are those from part.steps.first steps on.
template <class Index>
constexpr ConvShape<Index> part_shape(ImplicitGemmConfig c, const ConvShape<Index>& s,
                                      const ReductionPart<Index>& part) {
  if (c.cluster == 1) return s;
  const Index step = step_channels(c);
  ConvShape<Index> shape = s;
  shape.in_channels = smaller(s.in_channels - part.steps.first * step, part.steps.size * step);
  shape.taps = part.taps.size;
  shape.pad_left = s.pad_left - part.taps.first * s.dilation;
  return shape;
}

/// Shared memory of the block that needs most.
template <class Index>
constexpr Index most_shared_bytes(ImplicitGemmConfig c, const ConvShape<Index>& s) {
  Index most = 0;
  for (int rank = 0; rank < c.cluster; ++rank) {
    const Index bytes = shared_bytes(c, part_shape(c, s, reduction_part(c, s, rank)));
    most = bytes > most ? bytes : most;
  }
  return most;
}

}  // namespace convtune::cuda
