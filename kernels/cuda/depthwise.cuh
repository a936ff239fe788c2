#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/depthwise_config.hpp"
#include "kernels/cuda/depthwise_window.cuh"
#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/arithmetic.cuh"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/vector.cuh"

namespace convtune::cuda {

// The depthwise Conv1D, one input channel a group: any multiplier, stride, dilation, padding and
// kernel size.
//
//   y[n, t, c*m + j] = act(bias[c*m + j] + sum over k of
//                          x[n, t*stride + k*dilation - pad_left, c] * w[k, c*m + j])
//
// A thread computes tiles of tile_l outputs and loads each element of a tile's window once, into
// registers, where its weights are too; all outputs of the tile then read it there:
//
//   element of x   0  1  2  3  4
//   output 0       w0 w1 w2             3 taps, step 1: element 2 is multiplied by w2 for output 0,
//   output 1          w0 w1 w2          by w1 for output 1 and by w0 for output 2
//   output 2             w0 w1 w2
//
// A walk (NLC; NCL with vec 1): lanes along channels, one vector of x an element of the window.
// With g = gcd(stride, dilation), outputs that are dilation/g apart share elements, which are
// dilation apart: so a tile takes outputs of one class modulo dilation/g, and its window moves on
// by stride/g an output, whatever the dilation. Classes lie side by side on neighbouring threads.
//
// A piece of a row (NCL with vectors): tile_l neighbouring outputs, from a 16-byte boundary of y
// on, and their window of (tile_l-1)*stride + (taps-1)*dilation + 1 neighbouring elements. It is
// loaded by aligned vectors and moved to its place by selects and funnel shifts, so that odd
// lengths and paddings cost no narrow access, but for windows and vectors that reach over an end of
// the row.
//
// Kernels too long for the registers go by chunks of taps; each chunk loads its window anew.
//
// Main memory sees x and y once: stride/m + 1 elements an output. The cache is asked, per tile and
// chunk, for window_size vectors by a walk, whose tile is tile_l vectors of outputs, and for
// window_vectors by a piece of tile_l outputs. There are kernel_size multiply-adds an output.

/// One thread's place in the output.
template <class Index>
struct DepthwisePlace {
  Index batch;
  Index channel;  ///< its first output channel
  Index residue;  ///< of its positions, modulo the classes
  Index part;     ///< its first tile
};

template <DepthwiseConfig config, class Index>
DepthwisePlace<Index> depthwise_place(const ConvShape<Index>& shape, Index thread) {
  auto rest = as_unsigned(thread);
  const auto take = [&rest](Index size) {
    const auto place = static_cast<Index>(rest % as_unsigned(size));
    rest /= as_unsigned(size);
    return place;
  };
  constexpr bool nlc = config.layout == Layout::NLC;
  const Index channels = shape.groups * shape.out_channels / lanes(config);
  DepthwisePlace<Index> place;
  if constexpr (nlc) place.channel = take(channels) * lanes(config);
  place.residue = take(classes(config, shape));
  place.part = take(length_parts(config, shape));
  if constexpr (!nlc) place.channel = take(channels);
  place.batch = static_cast<Index>(rest);
  return place;
}

template <DepthwiseConfig config, class Index, class T>
DepthwiseInput<lanes(config), Index, T> depthwise_input(const ConvShape<Index>& shape,
                                                        const DepthwisePlace<Index>& place,
                                                        const T* x) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const Index multiplier = shape.out_channels;
  const Index first = multiplier == 1 ? place.channel : place.channel / multiplier;
  const Index row = place.batch * shape.groups * shape.length + first * (nlc ? 1 : shape.length);
  DepthwiseInput<lanes(config), Index, T> in = {
      .x = x + row,
      .misaligned = static_cast<int>(row & (config.vec_x - 1)),
      .length = shape.length,
      .along_l = nlc ? shape.groups : 1,
      .dilation = shape.dilation,
      .channel = {}};
  Index left = multiplier - (place.channel - first * multiplier);  // outputs of the first channel
  CONVTUNE_UNROLL
  for (int v = 1; v < lanes(config); ++v) {
    left -= 1;
    in.channel[v] = in.channel[v - 1] + (left == 0 ? 1 : 0);
    if (left == 0) left = multiplier;
  }
  return in;
}

/// A chunk's weights; `channels` lie between two taps in NLC.
template <DepthwiseConfig config, class Index, class T>
void load_taps(const T* from, Index channels, float (&weights)[config.taps][lanes(config)]) {
  if constexpr (config.layout == Layout::NLC) {
    CONVTUNE_UNROLL
    for (int k = 0; k < config.taps; ++k) load_floats(from + k * channels, weights[k]);
  } else {
    float row[weight_chunk(config)];
    load_floats(from, row);
    CONVTUNE_UNROLL
    for (int k = 0; k < config.taps; ++k) weights[k][0] = row[k];
  }
}

/// Adds the products of a chunk to the sums.
template <DepthwiseConfig config, class T>
void add_products(const Vector<T, lanes(config)> (&window)[window_size(config)],
                  const float (&weights)[config.taps][lanes(config)],
                  float (&sums)[config.tile_l][lanes(config)]) {
  CONVTUNE_UNROLL
  for (int i = 0; i < config.tile_l; ++i) {
    CONVTUNE_UNROLL
    for (int k = 0; k < config.taps; ++k) {
      const Vector<float, lanes(config)> x = widened(window[i * config.step + k * config.spacing]);
      CONVTUNE_UNROLL
      for (int v = 0; v < lanes(config); ++v)
        sums[i][v] = multiply_add(x.at[v], weights[k][v], sums[i][v]);
    }
  }
}

template <DepthwiseConfig config, class Index, class T>
void add_chunk(const DepthwiseInput<lanes(config), Index, T>& in, Index first, const T* weights,
               Index channels, float (&sums)[config.tile_l][lanes(config)]) {
  float taps[config.taps][lanes(config)];
  load_taps<config>(weights, channels, taps);
  if constexpr (is_piece(config)) {
    Vector<float, 1> window[window_size(config)];
    load_piece<config>(in, first, window);
    add_products<config>(window, taps, sums);
  } else {
    Vector<T, lanes(config)> window[window_size(config)];
    load_walk<config>(in, first, window);
    add_products<config>(window, taps, sums);
  }
}

/// Adds all products of a tile whose window begins at position `first` of x.
template <DepthwiseConfig config, class Index, class T>
void add_taps(const ConvShape<Index>& shape, const DepthwiseInput<lanes(config), Index, T>& in,
              Index first, const T* weights, float (&sums)[config.tile_l][lanes(config)]) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const Index channels = shape.groups * shape.out_channels;
  if constexpr (!config.chunked) {
    add_chunk<config>(in, first, weights, channels, sums);
  } else {
    for (Index chunk = 0; chunk < shape.taps / config.taps; ++chunk) {
      add_chunk<config>(in, first, weights, channels, sums);
      first += config.taps * shape.dilation;
      weights += nlc ? config.taps * channels : weight_chunk(config);
    }
    for (Index left = 0; left < shape.taps % config.taps; ++left) {
      add_chunk<one_tap(config)>(in, first, weights, channels, sums);
      first += shape.dilation;
      weights += nlc ? channels : 1;
    }
  }
}

/// One vector of y: adds the bias, activates and rounds.
template <DepthwiseConfig config, class T>
Vector<T, config.vec_y> finished(const float (&sums)[config.tile_l][lanes(config)],
                                 const float (&bias)[lanes(config)], int i) {
  constexpr bool along_channels = lanes(config) == config.vec_y;
  float values[config.vec_y];
  CONVTUNE_UNROLL
  for (int v = 0; v < config.vec_y; ++v) {
    const float sum = along_channels ? sums[i][v] + bias[v] : sums[i + v][0] + bias[0];
    values[v] = activate<config.activation>(sum);
  }
  return rounded<T>(values);
}

/// Stores what lies inside a row of y; `first` is the tile's first position.
template <DepthwiseConfig config, class Index, class T>
void store_tile(const ConvShape<Index>& shape, T* y, Index first,
                const float (&sums)[config.tile_l][lanes(config)],
                const float (&bias)[lanes(config)]) {
  constexpr int vec = config.vec_y;
  if constexpr (is_piece(config)) {
    CONVTUNE_UNROLL
    for (int i = 0; i < config.tile_l; i += vec) {
      const Vector<T, vec> out = finished<config, T>(sums, bias, i);
      T* to = y + first + i;
      if (first + i >= 0 && first + i + vec <= shape.out_length) {
        store(to, out);
      } else {
        CONVTUNE_UNROLL
        for (int v = 0; v < vec; ++v) {
          if (is_inside<Index>(first + i + v, shape.out_length))
            store(to + v, Vector<T, 1>{{out.at[v]}});
        }
      }
    }
  } else {
    const Index apart = classes(config, shape);
    const Index along_l = config.layout == Layout::NLC ? shape.groups * shape.out_channels : 1;
    CONVTUNE_UNROLL
    for (int i = 0; i < config.tile_l; ++i) {
      const Index position = first + i * apart;
      if (position < shape.out_length)
        store(y + position * along_l, finished<config, T>(sums, bias, i));
    }
  }
}

template <DepthwiseConfig config>
void conv1d_depthwise(const ConvArgs& args) {
  constexpr bool nlc = config.layout == Layout::NLC;
  static_assert(nlc || config.vec_x == config.vec_y);
  static_assert(!is_piece(config) || config.tile_l % config.vec_y == 0);
  using T = Element<config.dtype>;
  using Index = IndexOf<config.index_bits>;

  const ConvShape<Index> shape = shape_as<Index>(args.shape);
  const auto thread =
      static_cast<Index>(block_index()) * depthwise_threads + static_cast<Index>(thread_index());
  if (thread >= busy_threads(config, shape)) return;

  const DepthwisePlace<Index> place = depthwise_place<config>(shape, thread);
  const auto in = depthwise_input<config>(shape, place, static_cast<const T*>(args.x));
  const Index channels = shape.groups * shape.out_channels;
  const Index y_row = nlc ? place.batch * shape.out_length * channels + place.channel
                          : (place.batch * channels + place.channel) * shape.out_length;
  const T* weights =
      static_cast<const T*>(args.packed) + place.channel * (nlc ? 1 : weight_row(config, shape));
  const char* packed_bias = static_cast<const char*>(args.packed) + bias_offset(config, shape);
  float bias[lanes(config)];
  load_floats(reinterpret_cast<const float*>(packed_bias) + place.channel, bias);

  for (int i = 0; i < config.tiles; ++i) {
    const Index tile = place.part + i * length_parts(config, shape);
    if (tile >= length_tiles(config, shape)) return;
    const Index first = is_piece(config)
                            ? tile * config.tile_l - (y_row & (config.vec_y - 1))
                            : place.residue + tile * config.tile_l * classes(config, shape);
    float sums[config.tile_l][lanes(config)] = {};
    add_taps<config>(shape, in, first * shape.stride - shape.pad_left, weights, sums);
    store_tile<config>(shape, static_cast<T*>(args.y) + y_row, first, sums, bias);
  }
}

}  // namespace convtune::cuda
