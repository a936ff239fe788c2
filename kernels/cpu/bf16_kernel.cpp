#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/bf16_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/bf16_one_by_one-inl.hpp"
#include "kernels/cpu/bf16_window-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// Output positions [first_l, first_l + rows) of channel tiles [first_tile, last_tile) of a group.
struct Block {
  std::int64_t n = 0, group = 0;
  std::int64_t first_l = 0, rows = 0;
  std::int64_t first_tile = 0, last_tile = 0;
};

Block block_of(const Bf16Plan& plan, std::int64_t task) {
  Block b;
  b.first_l = task % plan.blocks_l * plan.config.block_l;
  b.rows = std::min(plan.config.block_l, plan.length_out - b.first_l);
  task /= plan.blocks_l;
  const std::int64_t tiles = ceil_div(plan.config.block_c, bf16_rows);
  b.first_tile = task % plan.blocks_c * tiles;
  b.last_tile = std::min(b.first_tile + tiles, plan.tiles_c);
  task /= plan.blocks_c;
  b.group = task % plan.problem.num_groups;
  b.n = task / plan.problem.num_groups;
  return b;
}

// All that whole tiles of the block's positions read lies inside x.
bool reads_inside(const Bf16Plan& plan, const Block& block) {
  const Problem& p = plan.problem;
  const std::int64_t last = block.first_l + round_up(block.rows, bf16_rows) - 1;
  return is_inside(p, window_start(p, block.first_l)) &&
         is_inside(p, window_start(p, last) + (p.kernel_size - 1) * p.dilation);
}

constexpr std::int64_t bytes(std::int64_t elements) { return elements * 2; }

// How tiles read x, or a window of it: positions are rows in NLC, columns in NCL.
Bf16Tile::Operand operand_of(const Bf16Plan& plan, const void* x, std::int64_t row) {
  const Problem& p = plan.problem;
  const std::int64_t stride = plan.config.window == taps_in_turn ? 1 : p.stride;
  if (p.layout == Layout::NCL) {
    return {.at = x,
            .row = bytes(row),
            .tile = bytes(bf16_inputs),
            .chunk = bytes(bf16_rows * row),
            .tap = bytes(2 * p.dilation),
            .part = bytes(plan.window_part)};
  }
  return {.at = x,
          .row = bytes(stride * row),
          .tile = bytes(bf16_rows * stride * row),
          .chunk = bytes(bf16_inputs),
          .tap = bytes(p.dilation * row),
          .part = bytes(plan.window_part)};
}

// What one pass sums: x from its first chunk on.
struct Pass {
  Bf16Tile::Operand x;
  std::int64_t first_chunk = 0, chunks = 0;
};

// Where a register tile lies: tiles from `l` of the block's positions and from `c` of its channels.
struct Place {
  std::int64_t l = 0, l_tiles = 0;
  std::int64_t c = 0, c_tiles = 0;
};

// How many of its positions and channels are outputs.
struct Size {
  std::int64_t positions, channels;
};

Size size_of(const Bf16Plan& plan, const Block& block, const Place& place) {
  const std::int64_t first_c = (block.first_tile + place.c) * bf16_rows;
  return {std::min(place.l_tiles * bf16_rows, block.rows - place.l * bf16_rows),
          std::min(place.c_tiles * bf16_rows, plan.group_out - first_c)};
}

std::int64_t last_pairs(const Bf16Plan& plan, const Pass& pass) {
  const std::int64_t last = pass.first_chunk + pass.chunks - 1;
  return std::min(bf16_inputs, round_up(plan.inputs - last * bf16_inputs, 2)) / 2;
}

Bf16Tile tile_of(const Bf16Plan& plan, const Block& block, const Pass& pass, const Place& place,
                 float* sums) {
  const bool positions_left = plan.problem.layout == Layout::NLC;
  const std::int64_t tile = block.group * plan.tiles_c + block.first_tile + place.c;
  const std::int64_t step = bytes(bf16_elements);
  Bf16Tile::Operand x = pass.x;
  x.at = static_cast<const char*>(x.at) + place.l * x.tile;
  const Bf16Tile::Operand w = {.at = plan.weights.get() + (tile * plan.chunks + pass.first_chunk) *
                                                              plan.taps * plan.parts *
                                                              bf16_elements,
                               .row = bytes(bf16_inputs),
                               .tile = plan.chunks * plan.taps * plan.parts * step,
                               .chunk = plan.taps * plan.parts * step,
                               .tap = plan.parts * step,
                               .part = step};
  const Size size = size_of(plan, block, place);
  Bf16Tile t = {.left = positions_left ? x : w,
                .right = positions_left ? w : x,
                .left_tiles = positions_left ? place.l_tiles : place.c_tiles,
                .right_tiles = positions_left ? place.c_tiles : place.l_tiles,
                .left_rows = positions_left ? size.positions : size.channels,
                .chunks = pass.chunks,
                .taps = plan.taps,
                .parts = plan.parts,
                .last_pairs = last_pairs(plan, pass),
                .sums = sums};
  constexpr std::int64_t row = 64;
  if (pass.first_chunk > 0) {
    t.start = sums;
    t.start_row = t.right_tiles * row;
    t.start_left = bf16_rows * t.right_tiles * row;
    t.start_right = row;
  } else if (positions_left) {
    t.start = plan.bias.get() + tile * bf16_rows;
    t.start_right = row;
  } else {
    t.start = plan.bias.get() + tile * bf16_rows * bf16_rows;
    t.start_row = row;
    t.start_left = bf16_rows * row;
  }
  return t;
}

// In bfloat16 subnormals become 0, as in the sums.
template <class D>
HWY_INLINE void store_sum(hn::Vec<D> value, D d, hwy::bfloat16_t* to) {
#if HWY_TARGET == HWY_AVX3
  __m256i narrow;
  asm("vcvtneps2bf16 %1, %0" : "=v"(narrow) : "v"(value.raw));
  hn::StoreU(hn::Vec256<Bits16>{narrow}, hn::Full256<Bits16>(), reinterpret_cast<Bits16*>(to));
  static_cast<void>(d);
#else
  store(value, d, to);
#endif
}

template <class D, class T>
HWY_INLINE void store_sum(hn::Vec<D> value, D d, T* to) {
  store(value, d, to);
}

// `rows` rows of sums, of which `count` columns are wanted.
template <class T>
void store_rows(const float* sums, std::int64_t sums_row, std::int64_t rows, std::int64_t count,
                Activation activation, T* y, std::int64_t y_row) {
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  const std::int64_t whole = count - count % lanes;
  const bool plain = activation == Activation::none && whole == count;
  for (std::int64_t row = 0; row < rows; ++row, sums += sums_row, y += y_row) {
    if (plain) {
      for (std::int64_t i = 0; i < count; i += lanes) {
        store_sum(hn::LoadU(d, sums + i), d, y + i);
      }
      continue;
    }
    for (std::int64_t i = 0; i < whole; i += lanes) {
      store_sum(activate(d, hn::LoadU(d, sums + i), activation), d, y + i);
    }
    if (whole == count) continue;
    T rest[lanes];
    store_sum(activate(d, hn::LoadU(d, sums + whole), activation), d, rest);
    std::copy_n(rest, count - whole, y + whole);
  }
}

// Where the outputs of a place lie: `rows` rows of `count` side by side.
template <class T>
struct Outputs {
  T* at;
  std::int64_t rows, count;
  std::int64_t step;  // from one row to the next
};

template <class T>
Outputs<T> outputs_of(const Bf16Plan& plan, const Block& block, const Place& place, T* y) {
  const Problem& p = plan.problem;
  const auto [positions, channels] = size_of(plan, block, place);
  const std::int64_t position = block.first_l + place.l * bf16_rows;
  const std::int64_t channel =
      block.group * plan.group_out + (block.first_tile + place.c) * bf16_rows;
  y += block.n * plan.length_out * p.out_channels;
  if (p.layout == Layout::NLC) {
    return {y + position * p.out_channels + channel, positions, channels, p.out_channels};
  }
  return {y + channel * plan.length_out + position, channels, positions, plan.length_out};
}

template <class T>
void finish(const Bf16Plan& plan, const Block& block, const Place& place, const float* sums, T* y) {
  const Outputs<T> to = outputs_of(plan, block, place, y);
  const bool nlc = plan.problem.layout == Layout::NLC;
  store_rows(sums, (nlc ? place.c_tiles : place.l_tiles) * bf16_rows, to.rows, to.count,
             plan.problem.activation, to.at, to.step);
}

// Sums of several passes lie in turn, those of a single one in two places by turns, so that they
// stay in L1. A register tile is finished behind the sums of the next, which the tiles then
// multiply, unless vectors can store what they have summed into y themselves; the lines of y that
// its sums go to are asked for ahead of them.
template <class T>
void sum_pass(const Bf16Plan& plan, const Block& block, const Pass& pass, float* sums, T* y) {
  const std::int64_t tile_l = plan.config.tile_l / bf16_rows;
  const std::int64_t tile_c = plan.config.tile_c / bf16_rows;
  const std::int64_t tiles_l = ceil_div(block.rows, bf16_rows);
  const std::int64_t tiles_c = block.last_tile - block.first_tile;
  const bool alone = pass.chunks == plan.chunks;
  const bool last = pass.first_chunk + pass.chunks == plan.chunks;
  const bool into_y = !plan.by_tiles && alone && plan.problem.activation == Activation::none;
  const std::int64_t most = tile_l * tile_c * bf16_rows * bf16_rows;
  Place before;
  const float* done = nullptr;
  float* to = sums;
  for (std::int64_t c = 0; c < tiles_c; c += tile_c) {
    for (std::int64_t l = 0; l < tiles_l; l += tile_l) {
      const Place place = {l, std::min(tile_l, tiles_l - l), c, std::min(tile_c, tiles_c - c)};
      Bf16Tile tile = tile_of(plan, block, pass, place, to);
      if (last) {
        const Outputs<T> to_y = outputs_of(plan, block, place, y);
        prefetch_rows(to_y.at, to_y.step, to_y.rows, to_y.count);
        if (into_y) {
          tile.y = reinterpret_cast<Bits16*>(to_y.at);
          tile.y_row = to_y.step;
          tile.right_columns = to_y.count;
        }
      }
      plan.by_tiles ? multiply_by_amx(tile) : multiply_by_avx512(tile);
      if (into_y) continue;
      if (last && done != nullptr) finish(plan, block, before, done, y);
      before = place;
      done = to;
      to = alone && to != sums ? sums : to + most;
    }
  }
  if (last && !into_y) finish(plan, block, before, done, y);
}

template <class T>
void sum_one_by_one(const Bf16Plan& plan, const Block& block, const T* x, T* y) {
  const bool nlc = plan.problem.layout == Layout::NLC;
  for (std::int64_t c = 0; c < block.last_tile - block.first_tile; ++c) {
    const std::int64_t tile = block.first_tile + c;
    const std::int64_t channels = std::min(bf16_rows, plan.group_out - tile * bf16_rows);
    for (std::int64_t l = 0; l * bf16_rows < block.rows; ++l) {
      float sums[bf16_rows * bf16_rows] = {};
      for (std::int64_t i = 0; i < std::min(bf16_rows, block.rows - l * bf16_rows); ++i) {
        for (std::int64_t out = 0; out < channels; ++out) {
          const Bf16Channel channel = {block.group * plan.tiles_c + tile, out};
          sums[nlc ? i * bf16_rows + out : out * bf16_rows + i] =
              sum_one(plan, x, block.first_l + l * bf16_rows + i, channel);
        }
      }
      finish(plan, block, {l, 1, c, 1}, sums, y);
    }
  }
}

template <class T>
void run_task(const Bf16Plan& plan, const void* from, void* to, std::int64_t task) {
  const Problem& p = plan.problem;
  const Block block = block_of(plan, task);
  const bool nlc = p.layout == Layout::NLC;
  const T* x = static_cast<const T*>(from) + block.n * p.length * p.in_channels +
               block.group * plan.group_in * (nlc ? 1 : p.length);
  T* y = static_cast<T*>(to);
  alignas(64) float sums[bf16_max_sums];
  const AmxShapes shapes(plan.by_tiles);
  if (plan.config.window == in_place && reads_inside(plan, block)) {
    const T* first = x + window_start(p, block.first_l) * p.in_channels;
    sum_pass(plan, block, {operand_of(plan, first, p.in_channels), 0, plan.chunks}, sums, y);
    return;
  }
  alignas(64) Bits16 window[bf16_max_window];
  const Bf16Tile::Operand operand = operand_of(plan, window, plan.window_row);
  for (std::int64_t chunk = 0; chunk < plan.chunks; chunk += plan.pass_chunks) {
    const std::int64_t chunks = std::min(plan.pass_chunks, plan.chunks - chunk);
    const Bf16Slice<T> slice = {x, block.first_l, block.rows, chunk * bf16_inputs,
                                std::min(plan.inputs, (chunk + chunks) * bf16_inputs)};
    if (!lay_out(plan, slice, window)) return sum_one_by_one(plan, block, x, y);
    sum_pass(plan, block, {operand, chunk, chunks}, sums, y);
  }
}

}  // namespace

Bf16Plan::Task find_bf16_task(DType dtype) {
  return by_dtype(dtype, [](auto zero) -> Bf16Plan::Task { return run_task<decltype(zero)>; });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_bf16_task);

Bf16Plan::Task bf16_task(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_bf16_task)(dtype); }

std::string bf16_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
