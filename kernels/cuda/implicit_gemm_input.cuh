#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/device/copy_async.cuh"
#include "kernels/cuda/device/platform.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/vector.cuh"
#include "kernels/cuda/implicit_gemm_config.hpp"

namespace convtune::cuda {

// How conv1d_implicit_gemm brings x and the weights to shared memory, where a tile is rows of
// row_bytes: row r of x holds the step's channels at one position, row r of the weights those of
// one output channel. Positions outside x and channels beyond the group's read as 0.

/// What a block reads of x.
template <class Index, class T>
struct GemmInput {
  ConvShape<Index> shape;
  const T* x;         ///< the group's first channel at position 0 of the block's batch row
  Index along_batch;  ///< elements from one batch row to the next
  Index along_l;      ///< likewise for positions
  Index along_c;      ///< likewise for channels
};

/// A tile of x: row r is at position (first + r) * stride + offset.
template <class Index>
struct XTile {
  Index first;
  Index offset;
  Index channel;  ///< first of the step
  int rows;
};

/// Channel 0 of the group at a row's position, if that lies inside x.
template <class T>
struct XRow {
  const T* from;
  bool inside;
};
template <ImplicitGemmConfig config, class Index, class T>
XRow<T> x_row(const GemmInput<Index, T>& in, const XTile<Index>& tile, int row) {
  Index output = tile.first + row;
  Index batch = 0;
  if constexpr (config.joins_batch) {
    batch = static_cast<Index>(as_unsigned(output) / as_unsigned(in.shape.out_length));
    output -= batch * in.shape.out_length;
  }
  const Index position = output * in.shape.stride + tile.offset;
  const bool inside =
      (!config.joins_batch || batch < in.shape.batch) && is_inside(position, in.shape.length);
  return {in.x + (inside ? batch * in.along_batch + position * in.along_l : 0), inside};
}

/// Byte in a tile where row `row` has its 16 bytes `chunk`.
template <ImplicitGemmConfig config>
int chunk_offset(int row, int chunk) {
  return row * config.row_bytes + swizzled_chunk(config.row_bytes, row, chunk) * 16;
}

/// Starts to copy a step's weights, which lie packed as the tile wants them.
template <ImplicitGemmConfig config>
void copy_weights(const char* from, unsigned to) {
  CONVTUNE_UNROLL
  for (int first = 0; first < w_tile_bytes(config); first += 16 * threads(config)) {
    const int byte = first + 16 * static_cast<int>(thread_index());
    if (byte < w_tile_bytes(config)) copy_async<16>(to + byte, from + byte);
  }
}

/// Starts to copy a tile of x (NLC), vec_x channels at a time.
template <ImplicitGemmConfig config, class Index, class T>
void copy_x(const GemmInput<Index, T>& in, const XTile<Index>& tile, unsigned to) {
  constexpr int vec_bytes = config.vec_x * static_cast<int>(sizeof(T));
  constexpr int vectors = config.row_bytes / vec_bytes;  // a row
  constexpr int rows_at_once = threads(config) / vectors;
  const auto thread = static_cast<int>(thread_index());
  const int byte = thread % vectors * vec_bytes;
  const Index channel = tile.channel + byte / static_cast<int>(sizeof(T));
  const bool wanted = channel < in.shape.in_channels;
  for (int row = thread / vectors; row < tile.rows; row += rows_at_once) {
    const XRow<T> source = x_row<config>(in, tile, row);
    const bool inside = wanted && source.inside;
    copy_async<vec_bytes>(to + chunk_offset<config>(row, byte / 16) + byte % 16,
                          source.from + (inside ? channel : 0), inside);
  }
}

/// A part of a tile of x on its way through registers: what all threads hold of it at once, and the
/// pieces of one of them.
template <ImplicitGemmConfig config>
struct XPart {
  using T = Element<config.dtype>;
  static constexpr int length = piece_length(config);          ///< positions of a piece
  static constexpr int channels = 16 / element_bytes(config);  ///< likewise
  static constexpr int chunks = config.row_bytes / 16;         ///< pieces side by side
  static constexpr int rows = pieces(config) * threads(config) * length / chunks;

  Vector<T, length> piece[pieces(config)][channels];
};

/// A piece's place in its part.
struct PiecePlace {
  int row = 0;  ///< its first
  int chunk = 0;
};

/// Of the thread's i-th piece. With rows of 128 bytes eight neighbouring threads store to different
/// banks: in NLC they have neighbouring chunks of a row, in NCL 8/length neighbouring runs of
/// positions by `length` chunks; the warp as a whole has 32 neighbouring positions, for coalesced
/// loads.
template <ImplicitGemmConfig config>
PiecePlace piece_place(int i) {
  using Part = XPart<config>;
  const auto piece = i * threads(config) + static_cast<int>(thread_index());
  if constexpr (config.layout == Layout::NLC) {
    return {piece / Part::chunks, piece % Part::chunks};
  } else {
    constexpr int runs = 8 / Part::length;
    constexpr int blocks_of_chunks = Part::chunks / Part::length;
    const int warp_piece = piece / 32, eighth = piece % 32 / 8, in_eighth = piece % 8;
    const int run = (warp_piece / blocks_of_chunks * 4 + eighth) * runs + in_eighth % runs;
    return {run * Part::length, warp_piece % blocks_of_chunks * Part::length + in_eighth / runs};
  }
}

/// Loads what there is of part `index` of a tile.
template <ImplicitGemmConfig config, class Index, class T>
void load_part(const GemmInput<Index, T>& in, const XTile<Index>& tile, int index,
               XPart<config>& part) {
  CONVTUNE_UNROLL
  for (int i = 0; i < pieces(config); ++i) {
    const PiecePlace place = piece_place<config>(i);
    const int row = index * XPart<config>::rows + place.row;
    const XRow<T> source = x_row<config>(in, tile, row);
    const bool inside = source.inside && row < tile.rows;
    const Index channel = tile.channel + place.chunk * XPart<config>::channels;
    const T* const from = source.from + (inside ? channel * in.along_c : 0);
    CONVTUNE_UNROLL
    for (int c = 0; c < XPart<config>::channels; ++c)
      part.piece[i][c] = load_if<XPart<config>::length>(
          inside && channel + c < in.shape.in_channels, from + c * in.along_c);
  }
}

/// Stores it, transposed.
template <ImplicitGemmConfig config>
void store_part(char* to, int rows, int index, const XPart<config>& part) {
  using Part = XPart<config>;
  CONVTUNE_UNROLL
  for (int i = 0; i < pieces(config); ++i) {
    const PiecePlace place = piece_place<config>(i);
    const int first = index * Part::rows + place.row;
    if (first >= rows) continue;
    CONVTUNE_UNROLL
    for (int v = 0; v < Part::length; ++v) {
      Vector<typename Part::T, Part::channels> chunk;
      CONVTUNE_UNROLL
      for (int c = 0; c < Part::channels; ++c) chunk.at[c] = part.piece[i][c].at[v];
      const int offset = chunk_offset<config>(first + v, place.chunk);
      store_shared(reinterpret_cast<typename Part::T*>(to + offset), chunk);
    }
  }
}

}  // namespace convtune::cuda
