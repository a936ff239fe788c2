#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/halo_config.hpp"

namespace convtune::cuda {

// How conv1d_halo brings a chunk of x into shared memory, as words: [group][word channel][position
// modulo stride][position / stride]. So a tap reads neighbouring words for neighbouring outputs,
// whatever the stride. What lies outside x, or beyond a group's channels, is 0.

/// What a block reads: some groups of one batch row.
template <class Index, class T>
struct HaloInput {
  const T* x;      ///< position 0 of the first group's first channel
  Index first;     ///< position of x that the window starts at
  Index length;    ///< positions of x
  Index channels;  ///< of a group
  Index along_l;   ///< elements from one position to the next
  int groups;      ///< that exist
  int stride;
  int dilation;
};

/// Calls load(fast, slow), and later store(fast, slow, loaded), for every pair below the limits.
/// `lanes` threads lie side by side along `fast`. A thread loads 32 bytes of words before it
/// stores.
template <class Loaded, class Load, class Store>
void for_each_staged(int fast, int lanes, int slow, const Load& load, const Store& store) {
  constexpr int at_once = 32 / static_cast<int>(sizeof(Loaded));
  const auto thread = static_cast<int>(thread_index());
  const int apart = halo_threads / lanes;
  for (int f = thread & (lanes - 1); f < fast; f += lanes) {
    for (int s = thread / lanes; s < slow; s += at_once * apart) {
      Loaded loaded[at_once];
      CONVTUNE_UNROLL
      for (int i = 0; i < at_once; ++i) {
        if (s + i * apart < slow) loaded[i] = load(f, s + i * apart);
      }
      CONVTUNE_UNROLL
      for (int i = 0; i < at_once; ++i) {
        if (s + i * apart < slow) store(f, s + i * apart, loaded[i]);
      }
    }
  }
}

/// `count` words of one load.
template <int count>
struct StagedWords {
  unsigned at[count];
};

/// Words of two vectors' elements, pairwise.
template <int vec, class T>
StagedWords<vec> paired(const Vector<T, vec>& low, const Vector<T, vec>& high) {
  StagedWords<vec> words;
  CONVTUNE_UNROLL
  for (int i = 0; i < vec; ++i)
    words.at[i] = static_cast<unsigned>(low.at[i].bits) | static_cast<unsigned>(high.at[i].bits)
                                                              << 16;
  return words;
}

/// Where the word of a position lies within its channel.
inline int word_offset(const HaloPlan& plan, int position, int stride) {
  if (stride == 1) return position;
  const int row = static_cast<int>(as_unsigned(position) / as_unsigned(stride));
  return (position - row * stride) * plan.phase_pitch + row;
}

/// NCL: vectors along the length, of one channel or of two.
template <HaloConfig config, class Index, class T>
void stage_rows(const HaloPlan& plan, const HaloInput<Index, T>& in, Index chunk, unsigned* words) {
  constexpr int vec = config.vec_x;
  using Loaded = StagedWords<vec>;
  const auto row_of = [&](int slow) {
    const int group = plan.groups == 1 ? 0 : slow / plan.chunk;
    return Vector<int, 2>{{group, slow - group * plan.chunk}};
  };
  const auto load = [&](int fast, int slow) {
    const auto [group, word] = row_of(slow).at;
    const Index channel = (chunk * plan.chunk + word) * word_channels(config);
    const Index position = in.first + fast * vec;
    const bool inside = channel < in.channels && is_inside(position, in.length);
    const T* from = in.x + (group * in.channels + channel) * in.length + position;
    const Vector<T, vec> low = load_if<vec>(inside, from);
    if constexpr (config.folded) {
      const bool next = is_inside<Index>(position + in.dilation, in.length);
      return paired<vec>(low, load_if<vec>(next, from + in.dilation));
    } else if constexpr (is_matrix(config)) {
      const bool next = inside && channel + 1 < in.channels;
      return paired<vec>(low, load_if<vec>(next, from + in.length));
    } else {
      return __builtin_bit_cast(Loaded, low);
    }
  };
  const auto store = [&](int fast, int slow, const Loaded& loaded) {
    const auto [group, word] = row_of(slow).at;
    unsigned* to = words + group * plan.group_pitch + word * plan.channel_pitch;
    if (in.stride == 1) {
      store_shared(to + fast * vec, __builtin_bit_cast(Vector<unsigned, vec>, loaded));
    } else {
      CONVTUNE_UNROLL
      for (int i = 0; i < vec; ++i) to[word_offset(plan, fast * vec + i, in.stride)] = loaded.at[i];
    }
  };
  for_each_staged<Loaded>(plan.window / vec, plan.stage_lanes, in.groups * plan.chunk, load, store);
}

/// NLC: vectors along the channels of a group.
template <HaloConfig config, class Index, class T>
void stage_columns(const HaloPlan& plan, const HaloInput<Index, T>& in, Index chunk,
                   unsigned* words) {
  constexpr int vec = config.vec_x;
  constexpr int count = vec > word_elements(config) ? vec / word_elements(config) : 1;
  using Loaded = StagedWords<count>;
  const int vectors = plan.chunk / count;
  const auto column_of = [&](int fast) {
    const int group = plan.groups == 1 ? 0 : fast / vectors;
    return Vector<int, 2>{{group, (fast - group * vectors) * count}};
  };
  const auto load = [&](int fast, int slow) {
    const auto [group, word] = column_of(fast).at;
    const Index channel = (chunk * plan.chunk + word) * word_channels(config);
    const Index position = in.first + slow;
    const bool inside = channel < in.channels && is_inside(position, in.length);
    const T* from = in.x + position * in.along_l + group * in.channels + channel;
    if constexpr (config.folded) {
      const bool next = is_inside<Index>(position + in.dilation, in.length);
      return paired<1>(load_if<1>(inside, from), load_if<1>(next, from + in.dilation * in.along_l));
    } else if constexpr (vec < word_elements(config)) {
      const bool next = inside && channel + 1 < in.channels;
      return paired<1>(load_if<1>(inside, from), load_if<1>(next, from + 1));
    } else {
      return __builtin_bit_cast(Loaded, load_if<vec>(inside, from));
    }
  };
  const auto store = [&](int fast, int slow, const Loaded& loaded) {
    const auto [group, word] = column_of(fast).at;
    unsigned* to = words + group * plan.group_pitch + word * plan.channel_pitch +
                   word_offset(plan, slow, in.stride);
    CONVTUNE_UNROLL
    for (int i = 0; i < count; ++i) to[i * plan.channel_pitch] = loaded.at[i];
  };
  for_each_staged<Loaded>(in.groups * vectors, plan.stage_lanes, plan.window, load, store);
}

/// The rows that no chunk changes: zeros for the rows that fill up a step, and the last of an odd
/// number of folded taps, which has no neighbour.
template <HaloConfig config, class Index, class T>
void stage_fixed_rows(const HaloPlan& plan, const HaloInput<Index, T>& in, int taps,
                      unsigned* words) {
  for (int i = static_cast<int>(thread_index()); i < block_l(config); i += halo_threads) {
    for (int group = 0; group < in.groups; ++group)
      words[group * plan.group_pitch + plan.zero_row + i] = 0;
    if constexpr (config.folded) {
      const Index position = in.first + plan.lead + i * in.stride + (taps - 1) * in.dilation;
      const bool inside = is_inside(position, in.length);
      const Vector<T, 1> last = load_if<1>(inside, in.x + position * in.along_l);
      words[plan.zero_row + block_l(config) + i] = last.at[0].bits;
    }
  }
}

template <HaloConfig config, class Index, class T>
void stage(const HaloPlan& plan, const HaloInput<Index, T>& in, Index chunk, unsigned* words) {
  if constexpr (config.layout == Layout::NLC)
    stage_columns<config>(plan, in, chunk, words);
  else
    stage_rows<config>(plan, in, chunk, words);
}

}  // namespace convtune::cuda
