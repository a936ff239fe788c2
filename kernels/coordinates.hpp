#pragma once

#include <cstdint>

#include "kernels/problem.hpp"

namespace convtune {

/// An output, or the distance in elements between neighbours in each direction.
struct Coordinates {
  std::int64_t batch = 0;
  std::int64_t position = 0;
  std::int64_t channel = 0;
};

/// Of a tensor (N, L, C) or (N, C, L), packed.
inline Coordinates strides(Layout layout, std::int64_t length, std::int64_t channels) {
  return layout == Layout::NLC ? Coordinates{length * channels, channels, 1}
                               : Coordinates{length * channels, 1, length};
}

/// Where in y the element `index` is, and back.
inline Coordinates output_at(const Problem& problem, std::int64_t index) {
  const Coordinates step = strides(problem.layout, output_length(problem), problem.out_channels);
  return {.batch = index / step.batch,
          .position = index / step.position % output_length(problem),
          .channel = index / step.channel % problem.out_channels};
}

inline std::int64_t index_of(const Problem& problem, const Coordinates& at) {
  const Coordinates step = strides(problem.layout, output_length(problem), problem.out_channels);
  return at.batch * step.batch + at.position * step.position + at.channel * step.channel;
}

}  // namespace convtune
