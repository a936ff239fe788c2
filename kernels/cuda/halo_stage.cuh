#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/for_each_staged.cuh"
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
  const auto row = static_cast<int>(as_unsigned(position) / as_unsigned(stride));
  return (position - row * stride) * plan.phase_pitch + row;
}

/// The group that a row of `per_group` belongs to.
inline int group_of(const HaloPlan& plan, int row, int per_group) {
  if (plan.groups == 1) return 0;
  return static_cast<int>(as_unsigned(row) / as_unsigned(per_group));
}

/// NCL: vectors along the length, of one channel or of two.
template <HaloConfig config, class Index, class T>
void stage_rows(const HaloPlan& plan, const HaloInput<Index, T>& in, Index chunk, unsigned* words) {
  constexpr int vec = config.vec_x;
  using Loaded = StagedWords<vec>;
  struct Start {
    Index position;
    bool inside;
    int offset[vec];  // of its words within a channel
  };
  const auto start = [&](int fast) {
    Start at;
    at.position = in.first + fast * vec;
    at.inside = is_inside(at.position, in.length);
    CONVTUNE_UNROLL
    for (int i = 0; i < vec; ++i) at.offset[i] = word_offset(plan, fast * vec + i, in.stride);
    return at;
  };
  const auto load = [&](const Start& at, int row) {
    const int group = group_of(plan, row, plan.chunk);
    const Index word = chunk * plan.chunk + row - group * plan.chunk;
    const Index channel = word * word_channels(config);
    const bool inside = at.inside && channel < in.channels;
    const T* from = in.x + (group * in.channels + channel) * in.length + at.position;
    const Vector<T, vec> low = load_if<vec>(inside, from);
    if constexpr (config.folded) {
      const bool next = is_inside<Index>(at.position + in.dilation, in.length);
      return paired<vec>(low, load_if<vec>(next, from + in.dilation));
    } else if constexpr (is_matrix(config)) {
      const bool next = inside && channel + 1 < in.channels;
      return paired<vec>(low, load_if<vec>(next, from + in.length));
    } else {
      return __builtin_bit_cast(Loaded, low);
    }
  };
  const auto store = [&](const Start& at, int row, const Loaded& loaded) {
    const int group = group_of(plan, row, plan.chunk);
    unsigned* to =
        words + group * plan.group_pitch + (row - group * plan.chunk) * plan.channel_pitch;
    if (in.stride == 1) {
      store_shared(to + at.offset[0], __builtin_bit_cast(Vector<unsigned, vec>, loaded));
    } else {
      CONVTUNE_UNROLL
      for (int i = 0; i < vec; ++i) to[at.offset[i]] = loaded.at[i];
    }
  };
  for_each_staged<halo_threads, Loaded>(plan.window / vec, plan.stage_lanes, in.groups * plan.chunk,
                                        start, load, store);
}

/// at[i] = at[(i + by) % 4]
inline StagedWords<4> rotated(StagedWords<4> words, int by) {
  unsigned(&at)[4] = words.at;
  const StagedWords<4> one = {{at[1], at[2], at[3], at[0]}};
  const StagedWords<4> odd = (by & 1) != 0 ? one : words;
  const StagedWords<4> two = {{odd.at[2], odd.at[3], odd.at[0], odd.at[1]}};
  return (by & 2) != 0 ? two : odd;
}

/// NLC: vectors along the channels of a group.
template <HaloConfig config, class Index, class T>
void stage_columns(const HaloPlan& plan, const HaloInput<Index, T>& in, Index chunk,
                   unsigned* words) {
  constexpr int vec = config.vec_x;
  constexpr int count = vec > word_elements(config) ? vec / word_elements(config) : 1;
  using Loaded = StagedWords<count>;
  struct Start {
    const T* from;  // at position 0
    bool exists;
    bool has_next;  // of a pair whose channels come one by one
    unsigned* to;
    int turn;
  };
  const int vectors = plan.chunk / count;
  const auto start = [&](int fast) {
    const int group = group_of(plan, fast, vectors);
    const int word = (fast - group * vectors) * count;
    const Index channel = (chunk * plan.chunk + word) * word_channels(config);
    return Start{.from = in.x + group * in.channels + channel,
                 .exists = channel < in.channels,
                 .has_next = channel + 1 < in.channels,
                 .to = words + group * plan.group_pitch + word * plan.channel_pitch,
                 .turn = fast};
  };
  const auto load = [&](const Start& at, int slow) {
    const Index position = in.first + slow;
    const bool inside = at.exists && is_inside(position, in.length);
    const T* from = at.from + position * in.along_l;
    if constexpr (config.folded) {
      const bool next = is_inside<Index>(position + in.dilation, in.length);
      return paired<1>(load_if<1>(inside, from), load_if<1>(next, from + in.dilation * in.along_l));
    } else if constexpr (vec < word_elements(config)) {
      return paired<1>(load_if<1>(inside, from), load_if<1>(inside && at.has_next, from + 1));
    } else {
      return __builtin_bit_cast(Loaded, load_if<vec>(inside, from));
    }
  };
  const auto store = [&](const Start& at, int slow, const Loaded& loaded) {
    unsigned* to = at.to + word_offset(plan, slow, in.stride);
    if constexpr (count == 4) {
      // Neighbouring vectors begin in one bank: each thread starts with another of its words.
      const StagedWords<4> turned = rotated(loaded, at.turn);
      CONVTUNE_UNROLL
      for (int i = 0; i < count; ++i) to[((i + at.turn) & 3) * plan.channel_pitch] = turned.at[i];
    } else {
      CONVTUNE_UNROLL
      for (int i = 0; i < count; ++i) to[i * plan.channel_pitch] = loaded.at[i];
    }
  };
  for_each_staged<halo_threads, Loaded>(in.groups * vectors, plan.stage_lanes, plan.window, start,
                                        load, store);
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
