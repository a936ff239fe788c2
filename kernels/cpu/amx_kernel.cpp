#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/amx_kernel.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/amx_one_by_one-inl.hpp"
#include "kernels/cpu/amx_window-inl.hpp"
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

Block block_of(const AmxPlan& plan, std::int64_t task) {
  Block b;
  b.first_l = task % plan.blocks_l * plan.config.block_l;
  b.rows = std::min(plan.config.block_l, plan.length_out - b.first_l);
  task /= plan.blocks_l;
  const std::int64_t tiles = ceil_div(plan.config.block_c, amx_rows);
  b.first_tile = task % plan.blocks_c * tiles;
  b.last_tile = std::min(b.first_tile + tiles, plan.tiles_c);
  task /= plan.blocks_c;
  b.group = task % plan.problem.num_groups;
  b.n = task / plan.problem.num_groups;
  return b;
}

// All that whole tiles of the block's positions read lies inside x.
bool reads_inside(const AmxPlan& plan, const Block& block) {
  const Problem& p = plan.problem;
  const std::int64_t last = block.first_l + round_up(block.rows, amx_rows) - 1;
  return is_inside(p, window_start(p, block.first_l)) &&
         is_inside(p, window_start(p, last) + (p.kernel_size - 1) * p.dilation);
}

constexpr std::int64_t bytes(std::int64_t elements) { return elements * 2; }

// How tiles read x, or a window of it: positions are rows in NLC, columns in NCL.
AmxTile::Operand operand_of(const AmxPlan& plan, const void* x, std::int64_t row) {
  const Problem& p = plan.problem;
  const std::int64_t stride = plan.config.window == taps_in_turn ? 1 : p.stride;
  if (p.layout == Layout::NCL) {
    return {.at = x,
            .row = bytes(row),
            .tile = bytes(amx_inputs),
            .chunk = bytes(amx_rows * row),
            .tap = bytes(2 * p.dilation),
            .part = bytes(plan.window_part)};
  }
  return {.at = x,
          .row = bytes(stride * row),
          .tile = bytes(amx_rows * stride * row),
          .chunk = bytes(amx_inputs),
          .tap = bytes(p.dilation * row),
          .part = bytes(plan.window_part)};
}

// What one pass sums: x from its first chunk on.
struct Pass {
  AmxTile::Operand x;
  std::int64_t first_chunk = 0, chunks = 0;
};

// Where a register tile lies: tiles from `l` of the block's positions and from `c` of its channels.
struct Place {
  std::int64_t l = 0, l_tiles = 0;
  std::int64_t c = 0, c_tiles = 0;
};

void sum(const AmxPlan& plan, const Block& block, const Pass& pass, const Place& place,
         float* sums) {
  const bool positions_left = plan.problem.layout == Layout::NLC;
  const std::int64_t tile = block.group * plan.tiles_c + block.first_tile + place.c;
  const std::int64_t step = bytes(amx_elements);
  AmxTile::Operand x = pass.x;
  x.at = static_cast<const char*>(x.at) + place.l * x.tile;
  const AmxTile::Operand w = {.at = plan.weights.get() + (tile * plan.chunks + pass.first_chunk) *
                                                             plan.taps * plan.parts * amx_elements,
                              .row = bytes(amx_inputs),
                              .tile = plan.chunks * plan.taps * plan.parts * step,
                              .chunk = plan.taps * plan.parts * step,
                              .tap = plan.parts * step,
                              .part = step};
  AmxTile t = {.left = positions_left ? x : w,
               .right = positions_left ? w : x,
               .chunks = pass.chunks,
               .taps = plan.taps,
               .parts = plan.parts,
               .sums = sums};
  const std::int64_t right = positions_left ? place.c_tiles : place.l_tiles;
  constexpr std::int64_t row = 64;
  if (pass.first_chunk > 0) {
    t.start = sums;
    t.start_row = right * row;
    t.start_left = amx_rows * right * row;
    t.start_right = row;
  } else if (positions_left) {
    t.start = plan.bias.get() + tile * amx_rows;
    t.start_right = row;
  } else {
    t.start = plan.bias.get() + tile * amx_rows * amx_rows;
    t.start_row = row;
    t.start_left = amx_rows * row;
  }
  amx_tile(positions_left ? place.l_tiles : place.c_tiles, right)(t);
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
Outputs<T> outputs_of(const AmxPlan& plan, const Block& block, const Place& place, T* y) {
  const Problem& p = plan.problem;
  const std::int64_t l = place.l * amx_rows;
  const std::int64_t c = (block.first_tile + place.c) * amx_rows;
  const std::int64_t positions = std::min(place.l_tiles * amx_rows, block.rows - l);
  const std::int64_t channels = std::min(place.c_tiles * amx_rows, plan.group_out - c);
  const std::int64_t position = block.first_l + l;
  const std::int64_t channel = block.group * plan.group_out + c;
  y += block.n * plan.length_out * p.out_channels;
  if (p.layout == Layout::NLC) {
    return {y + position * p.out_channels + channel, positions, channels, p.out_channels};
  }
  return {y + channel * plan.length_out + position, channels, positions, plan.length_out};
}

template <class T>
void finish(const AmxPlan& plan, const Block& block, const Place& place, const float* sums, T* y) {
  const Outputs<T> to = outputs_of(plan, block, place, y);
  const bool nlc = plan.problem.layout == Layout::NLC;
  store_rows(sums, (nlc ? place.c_tiles : place.l_tiles) * amx_rows, to.rows, to.count,
             plan.problem.activation, to.at, to.step);
}

// Ahead of the sums, so that they need not wait for the lines that they will be stored to.
template <class T>
void fetch(const Outputs<T>& outputs) {
  constexpr std::int64_t line = 64 / sizeof(T);
  for (std::int64_t row = 0; row < outputs.rows; ++row) {
    const T* at = outputs.at + row * outputs.step;
    for (std::int64_t i = 0; i < outputs.count; i += line) hwy::Prefetch(at + i);
  }
}

// Sums of several passes lie in turn, those of a single one in two places by turns, so that they
// stay in L1. A register tile is finished behind the sums of the next, which the tiles then
// multiply.
template <class T>
void sum_pass(const AmxPlan& plan, const Block& block, const Pass& pass, float* sums, T* y) {
  const std::int64_t tile_l = plan.config.tile_l / amx_rows;
  const std::int64_t tile_c = plan.config.tile_c / amx_rows;
  const std::int64_t tiles_l = ceil_div(block.rows, amx_rows);
  const std::int64_t tiles_c = block.last_tile - block.first_tile;
  const bool alone = pass.chunks == plan.chunks;
  const bool last = pass.first_chunk + pass.chunks == plan.chunks;
  const std::int64_t most = tile_l * tile_c * amx_rows * amx_rows;
  Place before;
  const float* done = nullptr;
  float* to = sums;
  for (std::int64_t c = 0; c < tiles_c; c += tile_c) {
    for (std::int64_t l = 0; l < tiles_l; l += tile_l) {
      const Place place = {l, std::min(tile_l, tiles_l - l), c, std::min(tile_c, tiles_c - c)};
      if (last) fetch(outputs_of(plan, block, place, y));
      sum(plan, block, pass, place, to);
      if (last && done != nullptr) finish(plan, block, before, done, y);
      before = place;
      done = to;
      to = alone && to != sums ? sums : to + most;
    }
  }
  if (last) finish(plan, block, before, done, y);
}

template <class T>
void sum_one_by_one(const AmxPlan& plan, const Block& block, const T* x, T* y) {
  const bool nlc = plan.problem.layout == Layout::NLC;
  for (std::int64_t c = 0; c < block.last_tile - block.first_tile; ++c) {
    const std::int64_t tile = block.first_tile + c;
    const std::int64_t channels = std::min(amx_rows, plan.group_out - tile * amx_rows);
    for (std::int64_t l = 0; l * amx_rows < block.rows; ++l) {
      float sums[amx_rows * amx_rows] = {};
      for (std::int64_t i = 0; i < std::min(amx_rows, block.rows - l * amx_rows); ++i) {
        for (std::int64_t out = 0; out < channels; ++out) {
          const AmxChannel channel = {block.group * plan.tiles_c + tile, out};
          sums[nlc ? i * amx_rows + out : out * amx_rows + i] =
              sum_one(plan, x, block.first_l + l * amx_rows + i, channel);
        }
      }
      finish(plan, block, {l, 1, c, 1}, sums, y);
    }
  }
}

template <class T>
void run_task(const AmxPlan& plan, const void* from, void* to, std::int64_t task) {
  const Problem& p = plan.problem;
  const Block block = block_of(plan, task);
  const bool nlc = p.layout == Layout::NLC;
  const T* x = static_cast<const T*>(from) + block.n * p.length * p.in_channels +
               block.group * plan.group_in * (nlc ? 1 : p.length);
  T* y = static_cast<T*>(to);
  alignas(64) float sums[amx_max_sums];
  const AmxTiles tiles;
  if (plan.config.window == in_place && reads_inside(plan, block)) {
    const T* first = x + window_start(p, block.first_l) * p.in_channels;
    sum_pass(plan, block, {operand_of(plan, first, p.in_channels), 0, plan.chunks}, sums, y);
    return;
  }
  alignas(64) Bits16 window[amx_max_window];
  const AmxTile::Operand operand = operand_of(plan, window, plan.window_row);
  for (std::int64_t chunk = 0; chunk < plan.chunks; chunk += plan.pass_chunks) {
    const std::int64_t chunks = std::min(plan.pass_chunks, plan.chunks - chunk);
    const AmxSlice<T> slice = {x, block.first_l, block.rows, chunk * amx_inputs,
                               std::min(plan.inputs, (chunk + chunks) * amx_inputs)};
    if (!lay_out(plan, slice, window)) return sum_one_by_one(plan, block, x, y);
    sum_pass(plan, block, {operand, chunk, chunks}, sums, y);
  }
}

}  // namespace

AmxPlan::Task find_amx_task(DType dtype) {
  return by_dtype(dtype, [](auto zero) -> AmxPlan::Task { return run_task<decltype(zero)>; });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_amx_task);

AmxPlan::Task amx_task(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_amx_task)(dtype); }

std::string amx_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
