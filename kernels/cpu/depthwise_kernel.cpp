#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/depthwise_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/depthwise.hpp"
#include "kernels/cpu/depthwise_tile-inl.hpp"
#include "kernels/cpu/depthwise_transpose-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

template <class T>
DepthwiseBlock<T> block_of(const DepthwisePlan& plan, const void* x, void* y, std::int64_t task) {
  const Problem& p = plan.problem;
  DepthwiseBlock<T> b = {};
  b.first_c = task % plan.blocks_c * plan.config.block_c;
  b.last_c = std::min(b.first_c + plan.config.block_c, p.out_channels);
  task /= plan.blocks_c;
  b.first_l = task % plan.blocks_l * plan.block_l;
  b.last_l = std::min(b.first_l + plan.block_l, plan.length_out);
  const std::int64_t n = task / plan.blocks_l;
  b.x_step = p.in_channels;
  b.y_step = p.out_channels;
  b.x = static_cast<const T*>(x) + n * p.length * p.in_channels;
  b.y = static_cast<T*>(y) + n * plan.length_out * p.out_channels;
  b.x_left = (p.batch - n) * p.length * p.in_channels;
  b.past_caches = plan.past_caches && lies_on_line(y);
  return b;
}

// A tile of y: `rows` positions from t. Of the taps `any` that some row may read, `all` are those
// that every row may.
struct TileRows {
  std::int64_t t;
  TapRange any, all;
};

template <int rows>
TileRows rows_from(const Problem& p, std::int64_t t) {
  const TapRange first = valid_taps(p, window_start(p, t));
  const TapRange last = valid_taps(p, window_start(p, t + rows - 1));
  const TapRange any = {last.first, first.last};
  // Far apart, the rows may share no tap; the two bounds must still lie in order within `any`.
  return {t,
          any,
          {std::min(first.first, any.last), std::max(last.last, std::min(first.first, any.last))}};
}

// y at the tile's rows and `vectors` vectors of channels from c.
template <class T, std::size_t lanes, int vectors, int rows, Inputs inputs>
void sum_tile(const DepthwisePlan& plan, const DepthwiseBlock<T>& block, const TileRows& tile,
              std::int64_t c) {
  using V = hn::Vec<Floats<lanes>>;
  constexpr Floats<lanes> d;
  const Problem& p = plan.problem;
  V sums[rows][vectors];
  for (int v = 0; v < vectors; ++v) {
    sums[0][v] = hn::LoadU(d, plan.bias.get() + c + v * lanes);
    for (int row = 1; row < rows; ++row) sums[row][v] = sums[0][v];
  }
  const float* weights = weights_from(plan, c);
  const auto add = [&](std::int64_t k, auto at_border) HWY_ATTR {
    const std::int64_t first = window_start(p, tile.t) + k * p.dilation;
    const T* position = block.x + (first - block.x_first) * block.x_step;
    for (int v = 0; v < vectors; ++v) {
      const V w = hn::LoadU(d, weights + (k * vectors + v) * lanes);
      for (int row = 0; row < rows; ++row) {
        if (at_border && !is_inside(p, first + row * p.stride)) continue;
        const T* at = position + row * p.stride * block.x_step;
        const V x = load_channels<T, lanes, inputs>(plan, at, block.x_channel, c + v * lanes);
        sums[row][v] = hn::MulAdd(x, w, sums[row][v]);
      }
    }
  };
  for (std::int64_t k = tile.any.first; k < tile.all.first; ++k) add(k, std::true_type());
  for (std::int64_t k = tile.all.first; k < tile.all.last; ++k) add(k, std::false_type());
  for (std::int64_t k = tile.all.last; k < tile.any.last; ++k) add(k, std::true_type());
  store_tile<T, lanes, vectors, rows>(plan, block, tile.t, c, sums);
}

// All channels of a block at the tile's rows, from the first to the last as they lie in memory.
template <class T, std::size_t lanes, int vectors, int rows>
void sum_rows(const DepthwisePlan& plan, const DepthwiseBlock<T>& block, std::int64_t t) {
  const Problem& p = plan.problem;
  const TileRows tile = rows_from<rows>(p, t);
  const std::int64_t last_position = std::clamp<std::int64_t>(
      window_start(p, t + rows - 1) + (p.kernel_size - 1) * p.dilation, 0, p.length - 1);
  const std::int64_t left = block.x_left - (last_position - block.x_first) * block.x_step;
  const bool more = plan.config.far != 0 && rows * p.stride < p.length - last_position;
  const std::int64_t next_position = more ? last_position + p.stride - block.x_first : 0;
  const T* next = block.x + next_position * block.x_step;
  for (std::int64_t c = block.first_c; c < block.last_c; c += plan.config.tile_c) {
    const std::int64_t first_in =
        (plan.multiplier == 1 ? c : c / plan.multiplier) - block.x_channel;
    if (more) {
      prefetch_rows(next + first_in, p.stride * block.x_step, rows,
                    std::min(plan.config.tile_c, block.x_step - first_in));
    }
    const bool whole = first_in + plan.config.tile_c <= left;
    if (whole && plan.multiplier == 1) {
      sum_tile<T, lanes, vectors, rows, Inputs::one_each>(plan, block, tile, c);
      continue;
    }
    for (int row = 0; row < rows; ++row) {
      const TileRows one = rows_from<1>(p, t + row);
      if (whole) {
        sum_tile<T, lanes, vectors, 1, Inputs::repeated>(plan, block, one, c);
      } else {
        sum_tile<T, lanes, vectors, 1, Inputs::guarded>(plan, block, one, c);
      }
    }
  }
}

// The same as sum_rows() where all rows may read all taps, in whole vectors, and y has one channel
// for each of x. So it is with most tiles, and they take hardly longer than seeing to more would.
template <class T, std::size_t lanes, int vectors, int rows>
void sum_inside(const DepthwisePlan& plan, const DepthwiseBlock<T>& block, std::int64_t t) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  const Problem& p = plan.problem;
  const std::int64_t first = window_start(p, t);
  const std::int64_t row_step = p.stride * block.x_step;
  const std::int64_t last = first + (rows - 1) * p.stride + (p.kernel_size - 1) * p.dilation;
  const bool more = plan.config.far != 0 && last + rows * p.stride < p.length;
  // So many weights fit into registers beside the sums of a vector. What widens x has other limits.
  constexpr int few = std::is_same_v<T, float> && rows >= 4 ? std::min(8, registers - rows - 1) : 0;
  const bool slides = rows > 1 && p.kernel_size > 1 && p.stride == 1 && p.dilation == 1;
  for (std::int64_t c = block.first_c; c < block.last_c; c += vectors * step) {
    const T* x = block.x + (first - block.x_first) * block.x_step + (c - block.x_channel);
    if (more) {
      prefetch_rows(x + (last - first) * block.x_step + row_step, row_step, rows, vectors * step);
    }
    hn::Vec<Floats<lanes>> sums[rows][vectors];
    for (int v = 0; v < vectors; ++v) {
      sums[0][v] = hn::LoadU(d, plan.bias.get() + c + v * step);
      for (int row = 1; row < rows; ++row) sums[row][v] = sums[0][v];
    }
    const float* weights = weights_from(plan, c);
    if (slides && p.kernel_size <= few) {
      slide_up_to<few, T, lanes>(x, block.x_step, weights, p.kernel_size, sums);
    } else if (slides && p.kernel_size >= rows) {
      slide<T, lanes>(x, block.x_step, weights, p.kernel_size, sums);
    } else {
      add_taps<T, lanes>(x, row_step, p.dilation * block.x_step, weights, p.kernel_size, sums);
    }
    store_tile<T, lanes, vectors, rows>(plan, block, t, c, sums);
  }
}

// Whether sum_inside() may compute the rows from t on: it reads whole tiles of channels.
template <int rows, class T>
bool is_inside(const DepthwisePlan& plan, const DepthwiseBlock<T>& block, std::int64_t t) {
  const Problem& p = plan.problem;
  const std::int64_t first = window_start(p, t);
  const std::int64_t last = first + (rows - 1) * p.stride + (p.kernel_size - 1) * p.dilation;
  if (plan.multiplier != 1 || first < 0 || last >= p.length) return false;
  const std::int64_t tiles = round_up(block.last_c - block.first_c, plan.config.tile_c);
  return (last - block.x_first) * block.x_step + block.first_c - block.x_channel + tiles <=
         block.x_left;
}

// The block's positions from t on, the last ones in smaller tiles.
template <class T, std::size_t lanes, int vectors, int rows>
void run_from(const DepthwisePlan& plan, const DepthwiseBlock<T>& block, std::int64_t t) {
  for (; t + rows <= block.last_l; t += rows) {
    if (is_inside<rows>(plan, block, t)) {
      sum_inside<T, lanes, vectors, rows>(plan, block, t);
    } else {
      sum_rows<T, lanes, vectors, rows>(plan, block, t);
    }
  }
  if constexpr (rows > 1) {
    if (t < block.last_l) run_from<T, lanes, vectors, rows / 2>(plan, block, t);
  }
}

// NCL: what the block reads of its channels' rows becomes rows of its positions in float32, and
// back.
template <class T, std::size_t lanes, int vectors, int rows>
void run_turned(const DepthwisePlan& plan, const DepthwiseBlock<T>& block) {
  const Problem& p = plan.problem;
  constexpr std::int64_t last_vectors = 64;  // the last ones of a tile may reach beyond the block
  HWY_ALIGN float x[depthwise_max_turned + last_vectors];
  HWY_ALIGN float y[depthwise_max_turned];
  const std::int64_t first_in = block.first_c / plan.multiplier;
  const std::int64_t inputs = (block.last_c - 1) / plan.multiplier + 1 - first_in;
  const std::int64_t channels = block.last_c - block.first_c;
  const std::int64_t last_read =
      window_start(p, block.last_l - 1) + (p.kernel_size - 1) * p.dilation;
  const std::int64_t first =
      std::clamp<std::int64_t>(window_start(p, block.first_l), 0, p.length - 1);
  const std::int64_t last = std::clamp<std::int64_t>(last_read + 1, first, p.length);
  DepthwiseBlock<float> turned = {.x = x,
                                  .y = y,
                                  .x_step = inputs,
                                  .y_step = round_up(channels, plan.config.tile_c),
                                  .x_left = depthwise_max_turned + last_vectors,
                                  .x_first = first,
                                  .y_first = block.first_l,
                                  .x_channel = first_in,
                                  .y_channel = block.first_c,
                                  .first_c = block.first_c,
                                  .last_c = block.last_c,
                                  .first_l = block.first_l,
                                  .last_l = block.last_l};
  turn_in(Rows<const T>{block.x + first_in * p.length + first, p.length, inputs, last - first}, x);
  run_from<float, lanes, vectors, rows>(plan, turned, block.first_l);
  turn_out(y, turned.y_step,
           Rows<T>{block.y + block.first_c * plan.length_out + block.first_l, plan.length_out,
                   channels, block.last_l - block.first_l});
}

template <class T, std::size_t lanes, int vectors, int rows>
void run_task(const DepthwisePlan& plan, const void* x, void* y, std::int64_t task) {
  const DepthwiseBlock<T> block = block_of<T>(plan, x, y, task);
  if (plan.problem.layout == Layout::NLC) {
    run_from<T, lanes, vectors, rows>(plan, block, block.first_l);
  } else {
    run_turned<T, lanes, vectors, rows>(plan, block);
  }
  // No lock makes other threads see such stores in time.
  if (block.past_caches) hwy::FlushStream();
}

template <class T, std::size_t lanes, int vectors>
DepthwisePlan::Task task_of_rows(std::int64_t rows) {
  if (rows == 1) return run_task<T, lanes, vectors, 1>;
  if (rows == 2) return run_task<T, lanes, vectors, 2>;
  if (rows == 4) return run_task<T, lanes, vectors, 4>;
  if (rows == 8) return run_task<T, lanes, vectors, 8>;
  return nullptr;
}

template <class T>
DepthwisePlan::Task task_of(std::int64_t tile_l, std::int64_t tile_c) {
  if constexpr (max_lanes > 4) {
    if (tile_c == 4) return task_of_rows<T, 4, 1>(tile_l);
  }
  if constexpr (max_lanes > 8) {
    if (tile_c == 8) return task_of_rows<T, 8, 1>(tile_l);
  }
  if (tile_c == max_lanes) return task_of_rows<T, max_lanes, 1>(tile_l);
  if (tile_c == 2 * max_lanes) return task_of_rows<T, max_lanes, 2>(tile_l);
  if (tile_c == 4 * max_lanes) return task_of_rows<T, max_lanes, 4>(tile_l);
  return nullptr;
}

}  // namespace

DepthwisePlan::Task find_depthwise(DType dtype, const DepthwiseConfig& config) {
  return by_dtype(dtype,
                  [&](auto zero) { return task_of<decltype(zero)>(config.tile_l, config.tile_c); });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_depthwise);

DepthwisePlan::Task depthwise_task(DType dtype, const DepthwiseConfig& config) {
  return HWY_DYNAMIC_DISPATCH(find_depthwise)(dtype, config);
}

std::string depthwise_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
