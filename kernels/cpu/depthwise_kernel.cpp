#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/depthwise_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/depthwise.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

// What one task computes: channels [first_c, last_c) at output positions [first_l, last_l).
struct Block {
  std::int64_t n = 0;
  std::int64_t first_c = 0, last_c = 0;
  std::int64_t first_l = 0, last_l = 0;
};

Block block_of(const DepthwisePlan& plan, std::int64_t task) {
  Block b;
  b.first_l = task % plan.blocks_l * plan.config.block_l;
  b.last_l = std::min(b.first_l + plan.config.block_l, plan.length_out);
  task /= plan.blocks_l;
  b.first_c = task % plan.tiles_c * plan.config.tile_c;
  b.last_c = std::min(b.first_c + plan.config.tile_c, plan.problem.out_channels);
  b.n = task / plan.tiles_c;
  return b;
}

// NLC: the inputs of output channels c, c + 1, … at one position. `whole` says that there are as
// many elements in x, though the last may be the next position's; otherwise they repeat (a
// multiplier above 1) or x ends.
template <class T, std::size_t lanes, bool whole>
HWY_INLINE hn::Vec<Floats<lanes>> load_channels(const DepthwisePlan& plan, const T* position,
                                                std::int64_t c) {
  constexpr Floats<lanes> d;
  if constexpr (whole) {
    return load(d, position + c);
  } else {
    T inputs[lanes] = {};
    const std::int64_t count = std::min<std::int64_t>(lanes, plan.problem.out_channels - c);
    for (std::int64_t i = 0; i < count; ++i) inputs[i] = position[(c + i) / plan.multiplier];
    return load(d, inputs);
  }
}

// NLC: y at `rows` positions from t and `vectors` vectors of channels from c, over taps that every
// row may read.
template <class T, std::size_t lanes, int vectors, int rows, bool whole>
void channel_tile(const DepthwisePlan& plan, const T* x, T* y, std::int64_t t, std::int64_t c,
                  TapRange taps) {
  using V = hn::Vec<Floats<lanes>>;
  constexpr Floats<lanes> d;
  const Problem& p = plan.problem;
  V sums[rows][vectors];
  for (int v = 0; v < vectors; ++v) {
    sums[0][v] = hn::LoadU(d, plan.bias.get() + c + v * lanes);
    for (int row = 1; row < rows; ++row) sums[row][v] = sums[0][v];
  }
  for (std::int64_t k = taps.first; k < taps.last; ++k) {
    const T* position = x + (window_start(p, t) + k * p.dilation) * p.in_channels;
    for (int v = 0; v < vectors; ++v) {
      const V w = hn::LoadU(d, plan.weights.get() + k * plan.padded_channels + c + v * lanes);
      for (int row = 0; row < rows; ++row) {
        const T* at = position + row * p.stride * p.in_channels;
        sums[row][v] =
            hn::MulAdd(load_channels<T, lanes, whole>(plan, at, c + v * lanes), w, sums[row][v]);
      }
    }
  }
  for (int row = 0; row < rows; ++row) {
    for (int v = 0; v < vectors; ++v) {
      store_up_to(activate(d, sums[row][v], p.activation), d,
                  y + (t + row) * p.out_channels + c + v * lanes,
                  p.out_channels - c - v * static_cast<std::int64_t>(lanes));
    }
  }
}

template <class T, std::size_t lanes, int vectors, int rows>
void run_channels(const DepthwisePlan& plan, const void* x, void* y, std::int64_t task) {
  const Problem& p = plan.problem;
  const Block b = block_of(plan, task);
  const T* x_row = static_cast<const T*>(x) + b.n * p.length * p.in_channels;
  T* y_row = static_cast<T*>(y) + b.n * plan.length_out * p.out_channels;
  const std::int64_t left_of_x = (p.batch - b.n) * p.length * p.in_channels;
  const auto tile = [&]<int count>(std::integral_constant<int, count>, std::int64_t t,
                                   TapRange taps) {
    const std::int64_t last_read = window_start(p, t + count - 1) + (taps.last - 1) * p.dilation;
    const std::int64_t end = last_read * p.in_channels + b.first_c + plan.config.tile_c;
    if (plan.multiplier == 1 && end <= left_of_x) {
      channel_tile<T, lanes, vectors, count, true>(plan, x_row, y_row, t, b.first_c, taps);
    } else {
      channel_tile<T, lanes, vectors, count, false>(plan, x_row, y_row, t, b.first_c, taps);
    }
  };
  for (std::int64_t t = b.first_l; t < b.last_l;) {
    const TapRange own = valid_taps(p, window_start(p, t));
    const TapRange last = valid_taps(p, window_start(p, t + rows - 1));
    if (t + rows <= b.last_l && own.first == 0 && last.last == p.kernel_size) {
      tile(std::integral_constant<int, rows>(), t, own);
      t += rows;
    } else {
      tile(std::integral_constant<int, 1>(), t, own);
      ++t;
    }
  }
}

// NCL: sums[t] += w[k] · x of tap k, where all reads are inside x and contiguous.
template <class T, std::size_t lanes, int vectors>
void sum_inside(const Problem& p, const T* x, std::int64_t start, const float* w,
                hn::Vec<Floats<lanes>> (&sums)[vectors]) {
  constexpr Floats<lanes> d;
  for (std::int64_t k = 0; k < p.kernel_size; ++k) {
    for (int v = 0; v < vectors; ++v) {
      const auto value = load(d, x + start + k * p.dilation + v * lanes);
      sums[v] = hn::MulAdd(value, hn::Set(d, w[k]), sums[v]);
    }
  }
}

// The same for any stride and at x's borders. A lane outside x keeps its sum: adding 0 · w would
// spread an infinite weight into outputs that do not use it.
template <class T, std::size_t lanes, int vectors>
void sum_anywhere(const Problem& p, const T* x, std::int64_t start, const float* w,
                  hn::Vec<Floats<lanes>> (&sums)[vectors]) {
  constexpr Floats<lanes> d;
  for (std::int64_t k = 0; k < p.kernel_size; ++k) {
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t at =
          start + k * p.dilation + v * static_cast<std::int64_t>(lanes) * p.stride;
      const LaneRange inside = lanes_inside<lanes>(at, p.stride, p.length);
      const auto value = load_strided(d, x, at, p.stride, inside);
      const auto sum = hn::MulAdd(value, hn::Set(d, w[k]), sums[v]);
      const auto below_last = hn::FirstN(d, static_cast<std::size_t>(inside.last));
      const auto below_first = hn::FirstN(d, static_cast<std::size_t>(inside.first));
      sums[v] = hn::IfThenElse(hn::AndNot(below_first, below_last), sum, sums[v]);
    }
  }
}

// NCL: y of channel c at positions [t, t + vectors·lanes), of which those below `last` are stored.
template <class T, std::size_t lanes, int vectors>
void length_tile(const DepthwisePlan& plan, const T* x, T* y, std::int64_t t, std::int64_t last,
                 std::int64_t c) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  const Problem& p = plan.problem;
  const float* w = plan.weights.get() + c * p.kernel_size;
  const std::int64_t start = window_start(p, t);
  const std::int64_t end = start + (p.kernel_size - 1) * p.dilation + vectors * step;
  hn::Vec<Floats<lanes>> sums[vectors];
  for (auto& sum : sums) sum = hn::Set(d, plan.bias[c]);
  if (p.stride == 1 && start >= 0 && end <= p.length) {
    sum_inside<T, lanes, vectors>(p, x, start, w, sums);
  } else {
    sum_anywhere<T, lanes, vectors>(p, x, start, w, sums);
  }
  for (int v = 0; v < vectors; ++v) {
    store_up_to(activate(d, sums[v], p.activation), d, y + t + v * step, last - t - v * step);
  }
}

template <class T, std::size_t lanes, int vectors>
void run_length(const DepthwisePlan& plan, const void* x, void* y, std::int64_t task) {
  const Problem& p = plan.problem;
  const Block b = block_of(plan, task);
  const std::int64_t c = b.first_c;
  const T* x_row =
      static_cast<const T*>(x) + (b.n * p.in_channels + c / plan.multiplier) * p.length;
  T* y_row = static_cast<T*>(y) + (b.n * p.out_channels + c) * plan.length_out;
  std::int64_t t = b.first_l;
  for (; t + plan.config.tile_l <= b.last_l; t += plan.config.tile_l) {
    length_tile<T, lanes, vectors>(plan, x_row, y_row, t, b.last_l, c);
  }
  for (; t < b.last_l; t += lanes) length_tile<T, lanes, 1>(plan, x_row, y_row, t, b.last_l, c);
}

template <class T, std::size_t lanes, int vectors>
DepthwisePlan::Task task_of_rows(std::int64_t rows) {
  if (rows == 1) return run_channels<T, lanes, vectors, 1>;
  if (rows == 2) return run_channels<T, lanes, vectors, 2>;
  if (rows == 4) return run_channels<T, lanes, vectors, 4>;
  if (rows == 8) return run_channels<T, lanes, vectors, 8>;
  return nullptr;
}

template <class T>
DepthwisePlan::Task task_along_channels(std::int64_t tile_l, std::int64_t tile_c) {
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

template <class T>
DepthwisePlan::Task task_along_length(std::int64_t tile_l, std::int64_t tile_c) {
  if (tile_c != 1) return nullptr;
  if (tile_l == max_lanes) return run_length<T, max_lanes, 1>;
  if (tile_l == 2 * max_lanes) return run_length<T, max_lanes, 2>;
  if (tile_l == 4 * max_lanes) return run_length<T, max_lanes, 4>;
  return nullptr;
}

template <class T>
DepthwisePlan::Task task_of(Layout layout, std::int64_t tile_l, std::int64_t tile_c) {
  return layout == Layout::NLC ? task_along_channels<T>(tile_l, tile_c)
                               : task_along_length<T>(tile_l, tile_c);
}

}  // namespace

DepthwisePlan::Task find_depthwise(const Problem& p, const DepthwiseConfig& config) {
  switch (p.dtype) {
    case DType::float32:
      return task_of<float>(p.layout, config.tile_l, config.tile_c);
    case DType::float16:
      return task_of<hwy::float16_t>(p.layout, config.tile_l, config.tile_c);
    case DType::bfloat16:
      return task_of<hwy::bfloat16_t>(p.layout, config.tile_l, config.tile_c);
  }
  return nullptr;
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(find_depthwise);

DepthwisePlan::Task depthwise_task(const Problem& problem, const DepthwiseConfig& config) {
  return HWY_DYNAMIC_DISPATCH(find_depthwise)(problem, config);
}

std::string depthwise_digest() { return CONVTUNE_SOURCE_DIGEST; }

}  // namespace convtune
#endif
