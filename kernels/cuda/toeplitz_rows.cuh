#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/for_each_staged.cuh"
#include "kernels/cuda/toeplitz_config.hpp"

namespace convtune::cuda {

// How conv1d_toeplitz moves rows between memory and shared memory, where each lies along its
// length: by vectors along the rows, or across them, where neighbouring rows are neighbours in
// memory.

/// A block's place in the output: the rows of y that it computes, and the sequences they belong to.
template <class Index>
struct ToeplitzPlace {
  Index batch;
  Index first;     ///< output of each row
  Index row;       ///< of all rows of y
  int rows;        ///< of y
  Index sequence;  ///< the first
  int sequences;
};

template <class Index>
struct Sequence {
  Index group;
  Index residue;  ///< of its outputs, modulo the classes
};
template <ToeplitzConfig config, class Index>
Sequence<Index> sequence_at(const ConvShape<Index>& shape, Index number) {
  constexpr bool nlc = config.layout == Layout::NLC;
  const Index size = nlc ? shape.groups : classes(config, shape);
  const auto slow = static_cast<Index>(as_unsigned(number) / as_unsigned(size));
  const Index fast = number - slow * size;
  return nlc ? Sequence<Index>{fast, slow} : Sequence<Index>{slow, fast};
}

/// Row `number` of all rows of x, or of y, as a channel of its sequence.
template <ToeplitzConfig config, class Index>
struct RowPlace {
  Sequence<Index> sequence;
  Index channel;  ///< of all groups

  RowPlace(const ConvShape<Index>& shape, Index number, Index channels_per_group) {
    const auto at = static_cast<Index>(as_unsigned(number) / as_unsigned(channels_per_group));
    sequence = sequence_at<config>(shape, at);
    channel = sequence.group * channels_per_group + number - at * channels_per_group;
  }
};

/// Position of x that a row's window begins at.
template <ToeplitzConfig config, class Index>
Index first_position(const ConvShape<Index>& shape, const ToeplitzPlace<Index>& place,
                     Index residue) {
  const Index output = residue + place.first * classes(config, shape);
  return output * shape.stride - shape.pad_left - lead(config, shape);
}

template <ToeplitzConfig config, class Index, class T>
void stage_across(const ConvShape<Index>& shape, const ToeplitzPlace<Index>& place, const T* x,
                  T* to) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int vec = config.vec_x;
  struct Start {
    Index position;
    const T* from;  // at position 0
    T* to;
  };
  const Index along_l = nlc ? shape.groups * shape.in_channels : 1;
  const auto pitch = static_cast<int>(x_pitch(config, shape));
  const int vectors = place.sequences * static_cast<int>(shape.in_channels) / vec;
  const auto start = [&](int vector) {
    const Index row = place.sequence * shape.in_channels + vector * vec;
    const RowPlace<config, Index> at(shape, row, shape.in_channels);
    return Start{first_position<config>(shape, place, at.sequence.residue),
                 x + at.channel * (nlc ? 1 : shape.length), to + vector * vec * pitch};
  };
  const auto load = [&](const Start& at, int element) {
    const Index position = at.position + element * shape.dilation;
    return load_if<vec>(is_inside(position, shape.length), at.from + position * along_l);
  };
  const auto store = [pitch](const Start& at, int element, const Vector<T, vec>& loaded) {
    CONVTUNE_UNROLL
    for (int v = 0; v < vec; ++v) at.to[v * pitch + element] = loaded.at[v];
  };
  for_each_staged<toeplitz_threads, Vector<T, vec>>(
      vectors, lanes_for(vectors, 32), static_cast<int>(window(config, shape)), start, load, store);
}

template <ToeplitzConfig config, class Index, class T>
void stage_along(const ConvShape<Index>& shape, const ToeplitzPlace<Index>& place, const T* x,
                 T* to) {
  constexpr int vec = config.vec_x;
  struct Start {
    bool inside;
    const T* from;  // in the first row
    T* to;
  };
  const auto pitch = static_cast<int>(x_pitch(config, shape));
  const T* first_row = x + place.sequence * shape.in_channels * shape.length;
  const auto start = [&](int vector) {
    const Index position =
        first_position<config, Index>(shape, place, 0) + vector * vec * shape.dilation;
    return Start{is_inside(position, shape.length), first_row + position, to + vector * vec};
  };
  const auto load = [&](const Start& at, int row) {
    return load_if<vec>(at.inside, at.from + row * shape.length);
  };
  const auto store = [pitch](const Start& at, int row, const Vector<T, vec>& loaded) {
    store_shared(at.to + row * pitch, loaded);
  };
  for_each_staged<toeplitz_threads, Vector<T, vec>>(
      static_cast<int>(window(config, shape)) / vec, 32,
      place.sequences * static_cast<int>(shape.in_channels), start, load, store);
}

/// Brings the windows of all rows of x that the block reads to shared memory. What lies outside x
/// is 0.
template <ToeplitzConfig config, class Index, class T>
void stage_x(const ConvShape<Index>& shape, const ToeplitzPlace<Index>& place, const T* x, T* to) {
  x += place.batch * shape.length * shape.groups * shape.in_channels;
  if constexpr (config.across)
    stage_across<config>(shape, place, x, to);
  else
    stage_along<config>(shape, place, x, to);
}

/// Copies the rows of y, as far as they go, to memory.
template <ToeplitzConfig config, class Index, class T>
void copy_y(const ConvShape<Index>& shape, const ToeplitzPlace<Index>& place, const T* from, T* y) {
  constexpr bool nlc = config.layout == Layout::NLC;
  constexpr int vec = config.vec_y;
  const Index channels = shape.groups * shape.out_channels;
  const Index apart = classes(config, shape);
  const auto pitch = static_cast<int>(y_pitch(config, shape));
  const auto thread = static_cast<int>(thread_index());
  y += place.batch * shape.out_length * channels;
  if constexpr (config.across) {
    const int lanes = lanes_for(place.rows / vec, 32);
    for (int f = thread & (lanes - 1); f < place.rows / vec; f += lanes) {
      const RowPlace<config, Index> at(shape, place.row + f * vec, shape.out_channels);
      T* to = y + at.channel * (nlc ? 1 : shape.out_length);
      const T* row = from + f * vec * pitch;
      for (int i = thread / lanes; i < config.tile_l; i += toeplitz_threads / lanes) {
        const Index position = at.sequence.residue + (place.first + i) * apart;
        if (position >= shape.out_length) break;
        Vector<T, vec> out;
        CONVTUNE_UNROLL
        for (int v = 0; v < vec; ++v) out.at[v] = row[v * pitch + i];
        store(to + position * (nlc ? channels : 1), out);
      }
    }
  } else {
    y += place.row * shape.out_length + place.first;
    const Index left = shape.out_length - place.first;
    const int length = left < config.tile_l ? static_cast<int>(left) : config.tile_l;
    for (int row = warp_index(); row < place.rows; row += toeplitz_warps) {
      for (int i = lane_index() * vec; i < length; i += warp_threads * vec)
        store(y + row * shape.out_length + i, load_shared<vec>(from + row * pitch + i));
    }
  }
}

}  // namespace convtune::cuda
