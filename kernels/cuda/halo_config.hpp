#pragma once

// Seen by host and device, so that pruning, packing and kernel cannot disagree.

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// All that is baked into one instantiation of conv1d_halo. Everything else is a run-time argument.
struct HaloConfig {
  DType dtype = DType::float32;
  Layout layout = Layout::NLC;
  Activation activation = Activation::none;
  int tile_l = 32;      ///< output positions of a tile; filled, runs of them
  int tile_c = 8;       ///< output channels of a tile, all of one group; filled, of whole runs
  int slices = 1;       ///< tiles of a block along the channels
  int split = 1;        ///< warps that share a tile, each with a part of the reduction
  int vec_x = 1;        ///< elements of x a load: channels in NLC, positions in NCL
  int vec_y = 1;        ///< elements of y a store: likewise
  bool folded = false;  ///< 16 bits, one input channel: a word holds two taps, not two channels
  bool filled = false;  ///< 16 bits: a tile's columns hold runs of neighbouring positions
  int index_bits = 32;  ///< width of positions and offsets

  bool operator==(const HaloConfig&) const = default;
};

constexpr int warp_lanes = 32;
constexpr int halo_warps = 4;
constexpr int halo_threads = halo_warps * warp_lanes;

/// 16-bit types are multiplied by matrix instructions, float32 by multiply-adds.
constexpr bool is_matrix(HaloConfig c) { return c.dtype != DType::float32; }
constexpr int element_bytes(HaloConfig c) { return is_matrix(c) ? 2 : 4; }

/// Of a block, in the positions or runs of tile_l: those warps that neither slices nor a split
/// takes lie along them.
constexpr int tiles_l(HaloConfig c) { return halo_warps / (c.slices * c.split); }
constexpr int block_l(HaloConfig c) { return c.tile_l * tiles_l(c); }

/// A thread's sums are [fragments_l][fragments_c][fragment]: what one mma adds to, or single sums,
/// 32 positions apart.
constexpr int fragments_l(HaloConfig c) { return c.tile_l / (is_matrix(c) ? 16 : 32); }
constexpr int fragments_c(HaloConfig c) { return c.tile_c / (is_matrix(c) ? 8 : 1); }
constexpr int fragment(HaloConfig c) { return is_matrix(c) ? 4 : 1; }
constexpr int sums(HaloConfig c) { return fragments_l(c) * fragments_c(c) * fragment(c); }

/// x lies in shared memory as 32-bit words: one float32, or a pair of 16-bit elements that are
/// neighbours in the reduction. A word channel is a row of them.
constexpr int word_elements(HaloConfig c) { return is_matrix(c) ? 2 : 1; }
constexpr int word_channels(HaloConfig c) { return c.folded ? 1 : word_elements(c); }

/// Word rows of the reduction that one step multiplies: what one mma takes, or at most 32 weights.
constexpr int step_rows(HaloConfig c) {
  if (is_matrix(c)) return 8;
  return c.tile_c <= 8 ? 4 : 32 / c.tile_c;
}
/// Weights of one step, in elements, and where among them those of a column are: [row][tile_c] in
/// float32, others fragments of mma: [pair of 8 columns][lane][4 words], or [lane][2 words] for a
/// tile of 8.
constexpr int step_weights(HaloConfig c) { return step_rows(c) * word_elements(c) * c.tile_c; }
constexpr int weight_place(HaloConfig c, int row, int element, int column) {
  if (!is_matrix(c)) return row * c.tile_c + column;
  const int lane = column % 8 * 4 + row % 4;
  const int words = fragments_c(c) == 1 ? 2 : 4;
  const int word = column / 8 % (words / 2) * 2 + row / 4;
  return ((column / (words * 4) * 32 + lane) * words + word) * 2 + element;
}

/// Shared memory that the channels of a chunk may take, unless one alone takes more.
constexpr int halo_chunk_bytes = 32 * 1024;
/// What a block of any architecture can have.
constexpr int halo_shared_bytes = 64 * 1024;

/// Sizes that the kernel would have to divide for. They lie at the front of the packed weights, and
/// so must depend on neither batch nor length. Pitches and offsets are in words of shared memory.
/// What only the tile of y needs is apart, lest it occupy registers before.
struct HaloPlan {
  int window;           ///< positions of x that are staged
  int lead;             ///< of them before the block's first tap, so that NCL loads are aligned
  int phase_pitch;      ///< between positions p and p+1: there is a row for each p modulo stride
  int channel_pitch;    ///< between word channels
  int group_pitch;      ///< between groups
  int zero_row;         ///< block_l zeros, within a group; folded, the last odd tap lies behind
  int chunk;            ///< word channels of a group that are staged at once
  int chunks;           ///< of a group
  int steps;            ///< of the reduction, a chunk
  int groups;           ///< that are staged
  int tiles_per_group;  ///< along the output channels
  int stage_lanes;      ///< threads side by side along the memory of x
};
struct HaloOutPlan {
  int columns;  ///< output channels of a block
  int pitch;    ///< of the tile of y in shared memory, in elements
  int bytes;    ///< of that tile
  int lanes;    ///< threads side by side along the channels, in NLC; 0 in NCL
};
struct HaloPlans {
  HaloPlan in;
  HaloOutPlan out;
};

/// Filled, a run of neighbouring positions takes the place of one, so that groups of few outputs
/// leave no column idle: column i * out_channels + co of run r is channel co at position
/// r * run_outputs + i. Runs are what a convolution computes that has run_outputs times the stride
/// and the channels. Its taps are those of all positions of a run, of each stride / dilation
/// further on; a column's weights for the others are 0.
template <class Index>
constexpr Index run_outputs(HaloConfig c, const ConvShape<Index>& s) {
  return c.filled ? c.tile_c / s.out_channels : 1;
}
/// Positions of x from where a run begins to read to where the next one does.
template <class Index>
constexpr Index run_stride(HaloConfig c, const ConvShape<Index>& s) {
  return run_outputs(c, s) * s.stride;
}
template <class Index>
constexpr Index run_taps(HaloConfig c, const ConvShape<Index>& s) {
  return c.filled ? s.taps + (run_outputs(c, s) - 1) * (s.stride / s.dilation) : s.taps;
}
/// Output positions of a block.
template <class Index>
constexpr Index block_length(HaloConfig c, const ConvShape<Index>& s) {
  return block_l(c) * run_outputs(c, s);
}

constexpr Int64 round_up(Int64 value, Int64 to) { return divide_up(value, to) * to; }

constexpr Int64 group_channels_in_words(HaloConfig c, const ConvShape<Int64>& s) {
  return divide_up(s.in_channels, Int64{word_channels(c)});
}

constexpr Int64 odd_multiple(Int64 of, Int64 least) { return (divide_up(least, of) | 1) * of; }

/// Positions of x before those a block reads, so that its window starts on a vector in NCL.
constexpr Int64 halo_lead(HaloConfig c, const ConvShape<Int64>& s) {
  return c.layout == Layout::NCL ? (4 - s.pad_left % 4) % 4 : 0;
}
constexpr Int64 halo_window(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 read = (block_l(c) - 1) * run_stride(c, s) + (run_taps(c, s) - 1) * s.dilation + 1;
  return round_up(halo_lead(c, s) + read, c.layout == Layout::NCL ? 4 : 1);
}
/// The lanes of an mma read 8 neighbouring words from each of 4 rows of the reduction. In different
/// banks lie channels an odd multiple of 8 words apart, and where two of them meet two of another
/// tap, or taps have two phases, phases an odd multiple of 16. Wide strides cannot afford it.
constexpr Int64 phase_pitch(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 phases = run_stride(c, s), channels = group_channels_in_words(c, s);
  const Int64 words = divide_up(halo_window(c, s), phases);
  if (phases > 16) return round_up(words, 4);
  const bool in_twos = phases * channels == 2 || (phases > 1 && channels % 4 == 2);
  return odd_multiple(in_twos ? 16 : 8, words);
}
constexpr Int64 channel_pitch(HaloConfig c, const ConvShape<Int64>& s) {
  if (run_stride(c, s) == 1) return phase_pitch(c, s);
  return odd_multiple(8, run_stride(c, s) * phase_pitch(c, s));
}

template <class Index>
constexpr Index tiles_per_group(HaloConfig c, const ConvShape<Index>& s) {
  return divide_up(s.out_channels, Index{c.tile_c});
}
/// A block has tiles of one group, or, where a tile holds a group, of neighbouring groups.
template <class Index>
constexpr Index channel_blocks(HaloConfig c, const ConvShape<Index>& s, Index tiles) {
  return tiles == 1 ? divide_up(s.groups, Index{c.slices})
                    : s.groups * divide_up(tiles, Index{c.slices});
}
template <class Index>
constexpr Index length_blocks(HaloConfig c, const ConvShape<Index>& s) {
  return divide_up(s.out_length, block_length(c, s));
}
constexpr Int64 blocks(HaloConfig c, const ConvShape<Int64>& s) {
  return s.batch * length_blocks(c, s) * channel_blocks(c, s, tiles_per_group(c, s));
}

/// Output channels of a block that a slice adds.
constexpr Int64 slice_channels(HaloConfig c, const ConvShape<Int64>& s) {
  return tiles_per_group(c, s) == 1 ? s.out_channels : c.tile_c;
}
constexpr Int64 staged_groups(HaloConfig c, const ConvShape<Int64>& s) {
  return tiles_per_group(c, s) == 1 ? c.slices : 1;
}

/// Word channels of a chunk, whole vectors of them: what divides a group if half of what fits does,
/// else an even part.
constexpr Int64 chunk_channels(HaloConfig c, const ConvShape<Int64>& s) {
  const bool vectors = c.layout == Layout::NLC && c.vec_x > word_elements(c);
  const Int64 vector = vectors ? c.vec_x / word_elements(c) : 1;
  const Int64 all = group_channels_in_words(c, s) / vector;
  Int64 most = halo_chunk_bytes / 4 / staged_groups(c, s) / channel_pitch(c, s) / vector;
  if (most < 1) most = 1;
  if (most > all) most = all;
  for (Int64 part = most; part > most / 2; --part) {
    if (all % part == 0) return part * vector;
  }
  return divide_up(all, divide_up(all, most)) * vector;
}
constexpr Int64 chunks(HaloConfig c, const ConvShape<Int64>& s) {
  return divide_up(group_channels_in_words(c, s), chunk_channels(c, s));
}
/// Word rows of a chunk's reduction: its channels of one tap after the other, or pairs of taps.
constexpr Int64 reduction_rows(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 taps = run_taps(c, s);
  return c.folded ? divide_up(taps, Int64{2}) : chunk_channels(c, s) * taps;
}
constexpr Int64 steps(HaloConfig c, const ConvShape<Int64>& s) {
  return divide_up(reduction_rows(c, s), Int64{step_rows(c)});
}

constexpr Int64 group_pitch(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 fixed_rows = c.folded ? 2 : 1;
  return chunk_channels(c, s) * channel_pitch(c, s) + fixed_rows * block_l(c);
}

/// A row of y's tile: whole vectors, and one more to spread the rows over the banks.
constexpr Int64 out_pitch(HaloConfig c, const ConvShape<Int64>& s) {
  const int vector = 16 / element_bytes(c);
  const Int64 row = c.layout == Layout::NLC ? c.slices * slice_channels(c, s) : block_length(c, s);
  return round_up(row, vector) + vector;
}
constexpr Int64 out_bytes(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 rows = c.layout == Layout::NLC ? block_length(c, s) : c.slices * slice_channels(c, s);
  return rows * out_pitch(c, s) * element_bytes(c);
}
/// Shared memory: x by chunks, then the tile of y and the sums that a split has to add.
constexpr Int64 shared_bytes(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 in = staged_groups(c, s) * group_pitch(c, s) * 4;
  const Int64 parts = c.split - 1;
  const Int64 out = out_bytes(c, s) + parts * sums(c) * warp_lanes * 4;
  return in > out ? in : out;
}

constexpr HaloPlan halo_plan(HaloConfig c, const ConvShape<Int64>& s) {
  const bool nlc = c.layout == Layout::NLC;
  const auto fits = [](Int64 value) { return static_cast<int>(value); };
  const Int64 vector_words = c.vec_x > word_elements(c) ? c.vec_x / word_elements(c) : 1;
  const Int64 rows = staged_groups(c, s) * chunk_channels(c, s);
  const Int64 line = nlc ? rows / vector_words : halo_window(c, s) / 4;
  return {.window = fits(halo_window(c, s)),
          .lead = fits(halo_lead(c, s)),
          .phase_pitch = fits(phase_pitch(c, s)),
          .channel_pitch = fits(channel_pitch(c, s)),
          .group_pitch = fits(group_pitch(c, s)),
          .zero_row = fits(chunk_channels(c, s) * channel_pitch(c, s)),
          .chunk = fits(chunk_channels(c, s)),
          .chunks = fits(chunks(c, s)),
          .steps = fits(steps(c, s)),
          .groups = fits(staged_groups(c, s)),
          .tiles_per_group = fits(tiles_per_group(c, s)),
          .stage_lanes = lanes_for(line, !nlc && rows < halo_warps ? halo_threads : 32)};
}
constexpr HaloOutPlan halo_out_plan(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 columns = c.slices * slice_channels(c, s);
  return {.columns = static_cast<int>(columns),
          .pitch = static_cast<int>(out_pitch(c, s)),
          .bytes = static_cast<int>(out_bytes(c, s)),
          .lanes = c.layout == Layout::NLC ? lanes_for(columns / c.vec_y, 32) : 0};
}

/// Packed: the plans; where the words of each row of the reduction lie in shared memory; the
/// weights of [channel tile][chunk][step]; the bias as float32 [channel tile][tile_c]. Short tiles
/// and steps are filled up with zeros.
constexpr int table_offset = sizeof(HaloPlans);
template <class Index>
constexpr Index weights_offset(HaloConfig c, Index steps) {
  return table_offset + divide_up(steps * step_rows(c), Index{4}) * 16;
}
template <class Index>
constexpr Index tile_weights(HaloConfig c, Index chunks, Index steps) {
  return chunks * steps * step_weights(c);
}
template <class Index>
constexpr Index bias_offset(HaloConfig c, Index steps, Index weights) {
  return weights_offset(c, steps) + divide_up(weights * element_bytes(c), Index{16}) * 16;
}
constexpr Int64 packed_weights(HaloConfig c, const ConvShape<Int64>& s) {
  return s.groups * tiles_per_group(c, s) * tile_weights(c, chunks(c, s), steps(c, s));
}
constexpr Int64 packed_bytes(HaloConfig c, const ConvShape<Int64>& s) {
  return bias_offset(c, steps(c, s), packed_weights(c, s)) +
         s.groups * tiles_per_group(c, s) * c.tile_c * 4;
}

/// Whether every index the kernel computes, those of its tails included, fits 32 bits.
constexpr bool fits_32_bits(HaloConfig c, const ConvShape<Int64>& s) {
  const Int64 limit = 0x7fffffff;
  const Int64 last = length_blocks(c, s) * block_length(c, s);
  const Int64 taps = run_taps(c, s) * s.dilation;
  const Int64 reach = last * s.stride + taps + s.pad_left + halo_window(c, s);
  const Int64 along_l = c.layout == Layout::NLC ? s.groups * s.in_channels : 1;
  const Int64 along_c = c.layout == Layout::NLC ? 1 : s.length;
  const Int64 channels = (staged_groups(c, s) - 1) * s.in_channels +
                         chunks(c, s) * chunk_channels(c, s) * word_channels(c);
  const Int64 tiles = s.groups * tiles_per_group(c, s) + c.slices;
  return s.batch * s.length * s.groups * s.in_channels <= limit &&
         s.batch * s.out_length * s.groups * s.out_channels <= limit &&
         packed_bytes(c, s) <= limit && blocks(c, s) <= limit && reach <= limit / along_l &&
         channels * along_c <= limit && tiles * tile_weights(c, chunks(c, s), steps(c, s)) <= limit;
}

}  // namespace convtune::cuda
