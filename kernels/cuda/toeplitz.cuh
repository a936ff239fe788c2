#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/repair.cuh"
#include "kernels/cuda/toeplitz_config.hpp"
#include "kernels/cuda/toeplitz_multiply.cuh"
#include "kernels/cuda/toeplitz_rows.cuh"

namespace convtune::cuda {

// Conv1D of long kernels and few channels a group on tensor cores (mma.sync, sm_80 and later): any
// stride, dilation and padding. Groups of one channel leave a matrix product of channels nothing to
// multiply; here the taps are its reduction.
//
//   y[n, t, co] = act(bias[co] + sum over k, ci of
//                     x[n, t*stride + k*dilation - pad_left, group(co)*Cin/G + ci] * w[k, ci, co])
//
// With g = gcd(stride, dilation), outputs t = r + q*dilation/g of one class r read positions that
// are `dilation` apart: as rows X of these, without dilation,
//
//   Y[q] = sum over k of X[q*step + k] * w[k]       step = stride / g
//
// Of Y in segments of 16, of X from where each begins, and of the taps, this is a matrix product:
//
//   outputs   columns j of T: w[j - i*step]       X[16n*step + j]
//   i = 0     w0 w1 w2 w3 ...                     x0   x16  x32  ...       step 1
//   i = 1     .  w0 w1 w2 w3 ...              *   x1   x17  x33  ...       column n: segment n
//   i = 2     .  .  w0 w1 w2 w3 ...               x2   x18  x34  ...
//   ...                                           ...
//
// T is read from the packed weights, through the cache, where a step of 16 columns is two vectors a
// lane; the columns of X overlap in shared memory, where all threads stage the rows of x that a
// block needs. A warp computes tile_l outputs of a row of y after the other, sums up all rows of x
// for it, and leaves the outputs in shared memory, from where all threads copy them out.
//
// Zeros of T meet elements of x that the output does not read. If those are infinite or NaN, the
// sum is NaN: what is NaN is summed again, without them.
//
// Main memory sees x, y and the packed weights once, but for windows that overlap outside the
// cache: a block stages `window` elements a row of x for tile_l outputs. It executes tile_l * 16 *
// steps multiply-adds for each pair of rows of x and y, of which tile_l * taps are not with zeros
// of T.
//
// Depthwise in 16 bits that is main memory's time on an H200 for up to about 128 taps, 0.23 cycles
// of an SM an output, and then grows with them: 0.40 for 256, 1.5 for 1,024. Fourier transforms
// would take 0.28 and 0.35, on paper (tests/benchmarks/fft_on_paper.py, which has float32 and dense
// convolutions, too). There is no family of them, because their errors grow with all that lies in a
// block, not with what an output reads: where x is silent they leave noise, which the tolerance of
// every kernel excludes (tests/kernels/tolerance_test.cpp). Nor has any depthwise layer of the
// shipped lists more than 87 taps.

template <ToeplitzConfig config, class Index>
ToeplitzPlace<Index> toeplitz_place(const ConvShape<Index>& shape) {
  auto rest = as_unsigned(static_cast<Index>(block_index()));
  const auto take = [&rest](Index size) {
    const auto place = static_cast<Index>(rest % as_unsigned(size));
    rest /= as_unsigned(size);
    return place;
  };
  ToeplitzPlace<Index> place;
  place.row = take(row_blocks(config, shape)) * config.tile_c;
  place.first = take(length_blocks(config, shape)) * config.tile_l;
  place.batch = static_cast<Index>(rest);
  const Index last =
      smaller<Index>(place.row + config.tile_c, sequences(config, shape) * shape.out_channels) - 1;
  place.rows = static_cast<int>(last - place.row) + 1;
  place.sequence = place.row / shape.out_channels;
  place.sequences = static_cast<int>(last / shape.out_channels - place.sequence) + 1;
  return place;
}

/// A row of y, and what it is computed from.
template <class T>
struct ToeplitzRow {
  const T* x;        ///< the first of its sequence's rows, in shared memory
  const T* weights;  ///< packed
  float bias;
  T* y;  ///< in shared memory
};

/// One output, by the products of its own taps alone.
template <ToeplitzConfig config, class Index, class T>
float sum_of_taps(const ConvShape<Index>& shape, const ToeplitzRow<T>& row, int output) {
  const T* x = row.x + output * config.step + lead(config, shape);
  const T* weights = row.weights + front(config) + lead(config, shape);
  float sum = 0;
  for (Index ci = 0; ci < shape.in_channels; ++ci) {
    CONVTUNE_KEEP_LOOP
    for (Index k = 0; k < shape.taps; ++k)
      sum += to_float(x[k]) * to_float(load<1>(weights + k).at[0]);
    x += x_pitch(config, shape);
    weights += row_weights(config, shape);
  }
  return sum;
}

/// Sums again, without zeros of T, what these made NaN.
template <ToeplitzConfig config, class Index, class T>
void repair_row(const ConvShape<Index>& shape, const ToeplitzRow<T>& row,
                ToeplitzSums<config>& sums) {
  constexpr int count = pieces(config) * 4;
  repair<count>(
      [&sums](const auto& visit) {
        CONVTUNE_UNROLL
        for (int i = 0; i < count; ++i) visit(sums.at[i / 4][i % 4], i);
      },
      [&](int i) { return sum_of_taps<config>(shape, row, sums.output(i / 4, i % 4)); });
}

template <ToeplitzConfig config, class Index, class T>
void compute_row(const ConvShape<Index>& shape, const ToeplitzRow<T>& row) {
  ToeplitzSums<config> sums;
  for (int ci = 0; ci < shape.in_channels; ++ci)
    add_row<config>(row.x + ci * x_pitch(config, shape),
                    row.weights + ci * row_weights(config, shape),
                    static_cast<int>(steps(config, shape)),
                    static_cast<int>(copy_weights(config, shape)), sums);
  repair_row<config>(shape, row, sums);
  warp_barrier();  // y may take the place of x
  CONVTUNE_UNROLL
  for (int p = 0; p < pieces(config); ++p) {
    CONVTUNE_UNROLL
    for (int e = 0; e < 4; ++e)
      row.y[sums.output(p, e)] =
          from_float<T>(activate<config.activation>(sums.at[p][e] + row.bias));
  }
}

template <ToeplitzConfig config>
void conv1d_toeplitz(const ConvArgs& args) {
  static_assert(config.tile_l % toeplitz_piece == 0);
  static_assert((config.dtype == DType::float32) == (config.math != Math::ieee));
  using T = Element<config.dtype>;
  using Index = IndexOf<config.index_bits>;

  const ConvShape<Index> shape = shape_as<Index>(args.shape);
  const auto place = toeplitz_place<config>(shape);
  const T* weights = static_cast<const T*>(args.packed);
  const auto* bias = reinterpret_cast<const float*>(static_cast<const char*>(args.packed) +
                                                    bias_offset(config, shape));
  T* x = reinterpret_cast<T*>(shared_memory());
  T* y = x + y_offset(config, shape);

  stage_x<config>(shape, place, static_cast<const T*>(args.x), x);
  block_barrier();
  for (int r = warp_index(); r < place.rows; r += toeplitz_warps) {
    const RowPlace<config, Index> at(shape, place.row + r, shape.out_channels);
    const auto sequence = static_cast<int>((place.row + r) / shape.out_channels - place.sequence);
    compute_row<config>(
        shape, ToeplitzRow<T>{
                   .x = x + sequence * shape.in_channels * x_pitch(config, shape),
                   .weights = weights + at.channel * shape.in_channels * row_weights(config, shape),
                   .bias = load<1>(bias + at.channel).at[0],
                   .y = y + r * y_pitch(config, shape)});
  }
  block_barrier();
  copy_y<config>(shape, place, y, static_cast<T*>(args.y));
}

}  // namespace convtune::cuda
