#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/direct_kernel.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/direct_pass-inl.hpp"
#include "kernels/cpu/direct_tile-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// NLC: rows of y are rows of sums.
template <class T, std::size_t lanes>
void store_rows(const DirectPlan& plan, const DirectBlock& block, std::int64_t first,
                std::int64_t count, const float* sums, T* y) {
  constexpr Floats<lanes> d;
  y += (block.n * plan.length_out + block.first_l + first) * plan.problem.out_channels +
       block.first_c;
  const Activation activation = plan.problem.activation;
  const bool plain = activation == Activation::none && block.channels == block.width;
  for (std::int64_t row = 0; row < count; ++row, y += plan.problem.out_channels) {
    const float* from = sums + row * block.width;
    for (std::int64_t c = 0; c < block.channels; c += lanes) {
      if (plain) {
        store(hn::LoadU(d, from + c), d, y + c);
      } else {
        store_up_to(activate(d, hn::LoadU(d, from + c), activation), d, y + c, block.channels - c);
      }
    }
  }
}

// NCL: rows of y are columns of sums.
template <class T, std::size_t lanes>
void store_columns(const DirectPlan& plan, const DirectBlock& block, const float* sums, T* y) {
  constexpr Floats<lanes> d;
  y += (block.n * plan.problem.out_channels + block.first_c) * plan.length_out + block.first_l;
  for (std::int64_t c = 0; c < block.channels; ++c, y += plan.length_out) {
    for (std::int64_t row = 0; row < block.rows; row += lanes) {
      HWY_ALIGN float column[lanes] = {};
      const std::int64_t count = std::min<std::int64_t>(lanes, block.rows - row);
      for (std::int64_t i = 0; i < count; ++i) column[i] = sums[(row + i) * block.width + c];
      store_up_to(activate(d, hn::Load(d, column), plan.problem.activation), d, y + row, count);
    }
  }
}

// Rows [first, last) of a block that sum all taps, and where nothing else is to be done to them.
struct PlainRows {
  std::int64_t first = 0, last = 0;
};

PlainRows plain_rows(const DirectPlan& plan, const DirectBlock& block) {
  const Problem& p = plan.problem;
  if (p.activation != Activation::none || block.channels != block.width) return {};
  const std::int64_t room = p.length - 1 - (p.kernel_size - 1) * p.dilation + p.padding.left;
  if (room < 0) return {};
  return {ceil_div(p.padding.left, p.stride) - block.first_l, room / p.stride + 1 - block.first_l};
}

// NLC in one pass: a register tile at a time, stored while its sums are in the nearest cache or, in
// float32, without any.
template <class T, std::size_t lanes, int vectors>
void run_rows(const DirectPlan& plan, const DirectBlock& block, const DirectPass& pass, T* y) {
  HWY_ALIGN float sums[std::size_t{12} * vectors * lanes];
  const PlainRows plain = plain_rows(plan, block);
  // Changed in place from tile to tile: a copy would read by vectors what was just stored by words,
  // which waits for all stores before it.
  DirectReduction r = reduction_of(plan, block, pass, pass.taps);
  r.start = bias_of(plan, block);
  r.to_step = plan.problem.out_channels;
  T* const to = y + (block.n * plan.length_out + block.first_l) * r.to_step + block.first_c;
  r.past_caches = plan.past_caches && lies_on_line(to);
  std::int64_t rows = 0;
  for (std::int64_t row = 0; row < block.rows; row += rows) {
    rows = largest_tile(std::min(plan.config.tile_l, block.rows - row));
    if constexpr (std::is_same_v<T, float>) {
      if (plain.first <= row && row + rows <= plain.last) {
        r.x = input_of(plan, pass, row, pass.taps.first);
        r.to = to + row * r.to_step;
        reduce<lanes, vectors>(rows, r);
        continue;
      }
    }
    start_sums<lanes, vectors>(bias_of(plan, block), rows, sums);
    add_tile<lanes, vectors>(plan, block, pass, row, rows, sums);
    store_rows<T, lanes>(plan, block, row, rows, sums, y);
  }
}

// `whole` is the pass of a plan that has only one.
template <class T, std::size_t lanes, int vectors>
void run_block(const DirectPlan& plan, const DirectBlock& block, const DirectInput<T>& input,
               const DirectPass& whole, T* y) {
  const bool nlc = plan.problem.layout == Layout::NLC;
  if (nlc && plan.one_pass()) return run_rows<T, lanes, vectors>(plan, block, whole, y);
  HWY_ALIGN float sums[direct_max_sums];
  const std::int64_t batch_sums = block.rows * block.width;
  start_sums<lanes, vectors>(bias_of(plan, block), block.batches * block.rows, sums);
  for (std::int64_t c = 0; c < plan.group_in; c += plan.pass_channels) {
    for (std::int64_t k = 0; k < plan.problem.kernel_size; k += plan.pass_taps) {
      for (std::int64_t n = 0; n < block.batches; ++n) {
        const DirectPass pass = plan.one_pass() ? whole : make_pass(plan, block, input, n, c, k);
        float* sum = sums + n * batch_sums;
        std::int64_t rows = 0;
        for (std::int64_t row = 0; row < block.rows; row += rows) {
          rows = largest_tile(std::min(plan.config.tile_l, block.rows - row));
          add_tile<lanes, vectors>(plan, block, pass, row, rows, sum + row * block.width);
        }
      }
    }
  }
  DirectBlock done = block;
  for (std::int64_t n = 0; n < block.batches; ++n, ++done.n) {
    if (nlc) {
      store_rows<T, lanes>(plan, done, 0, done.rows, sums + n * batch_sums, y);
    } else {
      store_columns<T, lanes>(plan, done, sums + n * batch_sums, y);
    }
  }
}

// The last tile of a group may have fewer vectors.
template <class T, std::size_t lanes, int vectors>
void run_width(const DirectPlan& plan, const DirectBlock& block, const DirectInput<T>& input,
               const DirectPass& whole, T* y) {
  if constexpr (vectors > 1) {
    if (block.width < static_cast<std::int64_t>(vectors * lanes)) {
      return run_width<T, lanes, vectors - 1>(plan, block, input, whole, y);
    }
  }
  run_block<T, lanes, vectors>(plan, block, input, whole, y);
}

template <class T, std::size_t lanes, int vectors>
void run_task(const DirectPlan& plan, const void* x, void* y, std::int64_t task) {
  const Problem& p = plan.problem;
  const DirectBlock block = block_of(plan, task);
  HWY_ALIGN float window[std::is_same_v<T, float> ? 1 : direct_max_window];
  const DirectInput<T> input = {
      static_cast<const T*>(x) + block.n * p.length * p.in_channels +
          block.group * plan.group_in * (p.layout == Layout::NLC ? 1 : p.length),
      window};
  const DirectPass whole = plan.one_pass() ? make_pass(plan, block, input, 0, 0, 0) : DirectPass();
  const std::int64_t last = std::min(block.tile + plan.task_tiles, plan.tiles_c);
  for (std::int64_t tile = block.tile; tile < last; ++tile) {
    run_width<T, lanes, vectors>(plan, with_tile(plan, block, tile), input, whole,
                                 static_cast<T*>(y));
  }
  // No lock makes other threads see such stores in time.
  if (plan.past_caches) hwy::FlushStream();
}

template <class T>
DirectPlan::Task task_of(std::int64_t tile_c) {
  if constexpr (max_lanes > 4) {
    if (tile_c == 4) return run_task<T, 4, 1>;
  }
  if constexpr (max_lanes > 8) {
    if (tile_c == 8) return run_task<T, 8, 1>;
  }
  if (tile_c == max_lanes) return run_task<T, max_lanes, 1>;
  if (tile_c == 2 * max_lanes) return run_task<T, max_lanes, 2>;
  if (tile_c == 3 * max_lanes) return run_task<T, max_lanes, 3>;
  if (tile_c == 4 * max_lanes) return run_task<T, max_lanes, 4>;
  return nullptr;
}

}  // namespace

DirectPlan::Task find_task(DType dtype, std::int64_t tile_c) {
  return by_dtype(dtype, [&](auto zero) { return task_of<decltype(zero)>(tile_c); });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_task);

DirectPlan::Task direct_task(DType dtype, std::int64_t tile_c) {
  return HWY_DYNAMIC_DISPATCH(find_task)(dtype, tile_c);
}

std::string direct_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
