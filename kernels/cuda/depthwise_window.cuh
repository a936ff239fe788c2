#pragma once

#include "kernels/cuda/depthwise_config.hpp"
#include "kernels/cuda/device/convert.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/vector.cuh"

namespace convtune::cuda {

// How conv1d_depthwise brings the window of a tile into registers. Positions outside the row are
// not loaded and count as 0.

/// What a thread reads: the row of its input channels.
template <int lanes, class Index, class T>
struct DepthwiseInput {
  const T* x;            ///< position 0 of the first channel
  int misaligned;        ///< elements from the nearest 16 bytes before x, in a piece
  Index length;          ///< positions
  Index along_l;         ///< elements from one position to the next
  Index dilation;        ///< positions from one tap to the next
  Index channel[lanes];  ///< elements from the first channel
};

/// A walk's window: elements `dilation` apart from position `first`.
template <DepthwiseConfig config, class Index, class T>
void load_walk(const DepthwiseInput<lanes(config), Index, T>& in, Index first,
               Vector<T, lanes(config)> (&window)[window_size(config)]) {
  CONVTUNE_UNROLL
  for (int e = 0; e < window_size(config); ++e) {
    const Index position = first + e * in.dilation;
    const bool inside = is_inside(position, in.length);
    const T* from = in.x + position * in.along_l;
    if constexpr (config.vec_x == lanes(config)) {
      window[e] = load_if<lanes(config)>(inside, from);
    } else {
      CONVTUNE_UNROLL
      for (int v = 0; v < lanes(config); ++v)
        window[e].at[v] = load_if<1>(inside, from + in.channel[v]).at[0];
    }
  }
}

/// words[i] = words[i + by], if `moved`.
template <int by, int count>
void move_words(unsigned (&words)[count], bool moved) {
  CONVTUNE_UNROLL
  for (int i = 0; i + by < count; ++i) words[i] = moved ? words[i + by] : words[i];
}

/// Moves all elements `elements` places towards the front; less than a vector of 16 bytes.
template <class T, int count>
void move_to_front(unsigned (&words)[count], int elements) {
  const int bytes = elements * static_cast<int>(sizeof(T));
  move_words<2>(words, (bytes & 8) != 0);
  move_words<1>(words, (bytes & 4) != 0);
  if constexpr (sizeof(T) == 2) {
    const int bits = (bytes & 2) * 8;
    CONVTUNE_UNROLL
    for (int i = 0; i + 1 < count; ++i) {
      const auto next = static_cast<unsigned long long>(words[i + 1]);
      words[i] = static_cast<unsigned>((next << 32 | words[i]) >> bits);
    }
  }
}

/// A piece's window: neighbouring elements from position `first`, widened. Inside a row they are
/// loaded by whole vectors, from the one that holds the first, and moved to their places in
/// registers, so that it does not matter where the row starts.
template <DepthwiseConfig config, class Index, class T>
void load_piece(const DepthwiseInput<1, Index, T>& in, Index first,
                Vector<float, 1> (&window)[window_size(config)]) {
  constexpr int vec = config.vec_x;
  constexpr int vectors = window_vectors(config);
  using Word = Vector<T, 4 / sizeof(T)>;

  const int ahead = static_cast<int>(in.misaligned + first) & (vec - 1);
  const Index start = first - ahead;
  const T* from = in.x + first;
  const bool reaches_last = ahead + window_size(config) > (vectors - 1) * vec;
  if (start >= 0 && start + (reaches_last ? vectors : vectors - 1) * vec <= in.length) {
    unsigned words[vectors * 4];
    CONVTUNE_UNROLL
    for (int i = 0; i < vectors; ++i) {
      const bool wanted = i < vectors - 1 || reaches_last;
      const auto vector = load_if<vec>(wanted, from - ahead + i * vec);
      const auto loaded = __builtin_bit_cast(Words<16>, vector);
      CONVTUNE_UNROLL
      for (int j = 0; j < 4; ++j) words[i * 4 + j] = loaded.at[j];
    }
    move_to_front<T>(words, ahead);
    CONVTUNE_UNROLL
    for (int e = 0; e < window_size(config); ++e) {
      constexpr int in_word = 4 / sizeof(T);
      const auto word = __builtin_bit_cast(Word, words[e / in_word]);
      window[e].at[0] = widened(word).at[e % in_word];
    }
  } else {
    CONVTUNE_UNROLL
    for (int e = 0; e < window_size(config); ++e)
      window[e] = {to_float(load_if<1>(is_inside<Index>(first + e, in.length), from + e).at[0])};
  }
}

}  // namespace convtune::cuda
