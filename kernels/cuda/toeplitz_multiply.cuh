#pragma once

#include "kernels/cuda/device/matrix.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/tf32.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/toeplitz_config.hpp"

namespace convtune::cuda {

// How a warp of conv1d_toeplitz multiplies the Toeplitz matrix of a row of weights by the segments
// of a row of x. The order of a step's 16 columns is free: lane 4g + t takes columns 4t to 4t + 3
// of rows g and g + 8, and as many elements of segment g, so that all that it loads is one vector
// each, and 32 lanes load 128 neighbouring elements of x.

/// A lane's sums of each piece, as one mma has them.
template <ToeplitzConfig config>
struct ToeplitzSums {
  float at[pieces(config)][4] = {};

  /// The output that sum e of piece p is, in the row.
  static int output(int p, int e) {
    const int segment = 8 * p + lane_index() % 4 * 2 + e % 2;
    return segment * toeplitz_side + lane_index() / 4 + e / 2 * 8;
  }
};

/// Four neighbours of a row as words of mma: pairs of 16-bit elements, or TF32. With tf32x3 `rest`
/// is what rounding to TF32 takes away.
template <ToeplitzConfig config>
struct ToeplitzWords {
  static constexpr int count = element_bytes(config);
  unsigned word[count];
  unsigned rest[count];
};
template <ToeplitzConfig config, class T>
ToeplitzWords<config> words_of(const Vector<T, 4>& elements) {
  ToeplitzWords<config> words;
  const auto bits = __builtin_bit_cast(Words<sizeof elements>, elements);
  CONVTUNE_UNROLL
  for (int i = 0; i < words.count; ++i) {
    words.word[i] = bits.at[i];
    if constexpr (config.dtype == DType::float32) {
      const SplitTf32 split = split_tf32(elements.at[i]);
      words.word[i] = split.big;
      words.rest[i] = split.small;
    }
  }
  return words;
}

/// sums += columns of the matrix, of which a lane has those of two rows, by elements of x. The
/// small products go first.
template <ToeplitzConfig config>
void multiply(float (&sums)[4], const ToeplitzWords<config>& low, const ToeplitzWords<config>& high,
              const ToeplitzWords<config>& x) {
  CONVTUNE_UNROLL
  for (int i = 0; i < x.count; i += 2) {
    const unsigned a[4] = {low.word[i], high.word[i], low.word[i + 1], high.word[i + 1]};
    const unsigned b[2] = {x.word[i], x.word[i + 1]};
    if constexpr (config.math == Math::tf32x3) {
      const unsigned a_rest[4] = {low.rest[i], high.rest[i], low.rest[i + 1], high.rest[i + 1]};
      const unsigned b_rest[2] = {x.rest[i], x.rest[i + 1]};
      mma<config.dtype>(sums, a_rest, b);
      mma<config.dtype>(sums, a, b_rest);
    }
    mma<config.dtype>(sums, a, b);
  }
}

/// Where a lane finds its columns of row lane / 4 of the matrix, in the packed row of weights.
template <ToeplitzConfig config>
int lane_weights(int copy_weights) {
  constexpr int apart = 4 / copies(config);
  const int tap = -(lane_index() / 4) * config.step;  // of column 0
  const int missing = tap & 3;
  return missing / apart * copy_weights + front(config) + tap - missing + lane_index() % 4 * 4;
}

/// Adds the products of one row of x. `weights` is its packed row.
template <ToeplitzConfig config, class T>
void add_row(const T* x, const T* weights, int steps, int copy_weights,
             ToeplitzSums<config>& sums) {
  constexpr int segment = toeplitz_side * config.step;
  x += lane_index() / 4 * segment + lane_index() % 4 * 4;
  weights += lane_weights<config>(copy_weights);
  CONVTUNE_KEEP_LOOP
  for (int step = 0; step < steps; ++step) {
    const auto low = words_of<config>(load<4>(weights));
    const auto high = words_of<config>(load<4>(weights - 8 * config.step));
    CONVTUNE_UNROLL
    for (int p = 0; p < pieces(config); ++p)
      multiply(sums.at[p], low, high, words_of<config>(load_shared<4>(x + p * 8 * segment)));
    x += toeplitz_side;
    weights += toeplitz_side;
  }
}

}  // namespace convtune::cuda
