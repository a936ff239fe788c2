// What a register tile of cpu_depthwise reads, sums and stores. Included once for every SIMD
// target.
#if defined(CONVTUNE_CPU_DEPTHWISE_TILE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_DEPTHWISE_TILE_INL
#undef CONVTUNE_CPU_DEPTHWISE_TILE_INL
#else
#define CONVTUNE_CPU_DEPTHWISE_TILE_INL
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/activation-inl.hpp"
#include "kernels/cpu/depthwise.hpp"
#include "kernels/cpu/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// What one task computes: channels [first_c, last_c) at output positions [first_l, last_l), from
/// and to rows of channels: those of a batch row, or of the block alone.
template <class T>
struct DepthwiseBlock {
  const T* x;           ///< position x_first, channel x_channel
  T* y;                 ///< position y_first, channel y_channel
  std::int64_t x_step;  ///< from one position to the next
  std::int64_t y_step;  ///< likewise, and how many channels a row of y has
  std::int64_t x_left;  ///< elements from x on that may be read
  std::int64_t x_first = 0, y_first = 0;
  std::int64_t x_channel = 0, y_channel = 0;
  std::int64_t first_c = 0, last_c = 0;
  std::int64_t first_l = 0, last_l = 0;
  bool past_caches = false;  ///< how y, every tile of which is whole cache lines, is stored
};

/// How a vector of inputs for output channels c, c + 1, … at one position, which begins with
/// channel `first`, is read: `one_each` and `repeated` (a multiplier above 1) read a whole vector
/// of x, the end of which may be another position's; `guarded` reads nothing but what it needs.
enum class Inputs { one_each, repeated, guarded };

template <class T, std::size_t lanes, Inputs inputs>
HWY_INLINE hn::Vec<Floats<lanes>> load_channels(const DepthwisePlan& plan, const T* position,
                                                std::int64_t first, std::int64_t c) {
  constexpr Floats<lanes> d;
  if constexpr (inputs == Inputs::one_each) {
    return load(d, position + (c - first));
  } else if constexpr (inputs == Inputs::repeated) {
    const auto which = hn::SetTableIndices(d, plan.inputs.data() + c % plan.multiplier);
    return hn::TableLookupLanes(load(d, position + (c / plan.multiplier - first)), which);
  } else {
    T values[lanes] = {};
    const std::int64_t count = std::min<std::int64_t>(lanes, plan.problem.out_channels - c);
    for (std::int64_t i = 0; i < count; ++i) {
      values[i] = position[(c + i) / plan.multiplier - first];
    }
    return load(d, values);
  }
}

/// Activates rows of sums into rows of y from channel c of a row on.
template <class T, std::size_t lanes, int vectors>
void store_rows(const DepthwiseBlock<T>& block, Activation activation, const float* sums, int rows,
                T* y, std::int64_t c) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  for (int row = 0; row < rows; ++row, y += block.y_step) {
    for (std::int64_t i = 0; i < vectors * step; i += step, sums += step) {
      store_up_to(activate(d, hn::Load(d, sums), activation), d, y + i, block.y_step - c - i);
    }
  }
}

/// Activates the sums of a tile, which begins at position t and channel c, into y.
template <class T, std::size_t lanes, int vectors, int rows>
HWY_INLINE void store_tile(const DepthwisePlan& plan, const DepthwiseBlock<T>& block,
                           std::int64_t t, std::int64_t c,
                           const hn::Vec<Floats<lanes>> (&sums)[rows][vectors]) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  const Problem& p = plan.problem;
  const std::int64_t in_row = c - block.y_channel;
  T* y = block.y + (t - block.y_first) * block.y_step + in_row;
  if (block.past_caches) {
    CONVTUNE_UNROLL
    for (int row = 0; row < rows; ++row, y += block.y_step) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) stream(sums[row][v], d, y + v * step);
    }
    return;
  }
  if (p.activation == Activation::none && in_row + vectors * step <= block.y_step) {
    CONVTUNE_UNROLL
    for (int row = 0; row < rows; ++row, y += block.y_step) {
      CONVTUNE_UNROLL
      for (int v = 0; v < vectors; ++v) store(sums[row][v], d, y + v * step);
    }
    return;
  }
  HWY_ALIGN float left[std::size_t{rows} * vectors * lanes];
  for (int row = 0; row < rows; ++row) {
    for (int v = 0; v < vectors; ++v) hn::Store(sums[row][v], d, left + (row * vectors + v) * step);
  }
  store_rows<T, lanes, vectors>(block, p.activation, left, rows, y, in_row);
}

/// Of the tile of channels from c on, tap by tap.
inline const float* weights_from(const DepthwisePlan& plan, std::int64_t c) {
  return plan.weights.get() + c * plan.problem.kernel_size;
}

/// Adds to the sums of `rows` neighbouring positions their windows, of stride and dilation 1 and at
/// least as many taps: row j of x, read and widened once, is tap j - row of each.
template <class T, std::size_t lanes, int rows, int vectors>
HWY_INLINE void slide(const T* x, std::int64_t x_step, const float* weights, std::int64_t taps,
                      hn::Vec<Floats<lanes>> (&sums)[rows][vectors]) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  const auto take = [&](std::int64_t j, int first, int last) HWY_ATTR {
    for (int v = 0; v < vectors; ++v) {
      const auto at = load(d, x + j * x_step + v * step);
      CONVTUNE_UNROLL
      for (int row = first; row < last; ++row) {
        const float* w = weights + ((j - row) * vectors + v) * step;
        sums[row][v] = hn::MulAdd(at, hn::LoadU(d, w), sums[row][v]);
      }
    }
  };
  CONVTUNE_UNROLL
  for (int j = 0; j < rows - 1; ++j) take(j, 0, j + 1);
  for (std::int64_t j = rows - 1; j < taps; ++j) take(j, 0, rows);
  CONVTUNE_UNROLL
  for (int j = 0; j < rows - 1; ++j) take(taps + j, j + 1, rows);
}

/// The same with weights that stay in registers, of few taps and any number of rows.
template <int taps, class T, std::size_t lanes, int rows, int vectors>
HWY_INLINE void slide_few(const T* x, std::int64_t x_step, const float* weights,
                          hn::Vec<Floats<lanes>> (&sums)[rows][vectors]) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  CONVTUNE_UNROLL
  for (int v = 0; v < vectors; ++v, x += step) {
    hn::Vec<Floats<lanes>> w[taps];
    CONVTUNE_UNROLL
    for (int k = 0; k < taps; ++k) w[k] = hn::LoadU(d, weights + (k * vectors + v) * step);
    CONVTUNE_UNROLL
    for (int j = 0; j < rows + taps - 1; ++j) {
      const auto at = load(d, x + j * x_step);
      CONVTUNE_UNROLL
      for (int row = 0; row < rows; ++row) {
        if (j < row || j - row >= taps) continue;
        sums[row][v] = hn::MulAdd(at, w[j - row], sums[row][v]);
      }
    }
  }
}

/// slide_few() of 2 to `most` taps.
template <int most, class T, std::size_t lanes, int rows, int vectors>
HWY_INLINE void slide_up_to(const T* x, std::int64_t x_step, const float* weights,
                            std::int64_t taps, hn::Vec<Floats<lanes>> (&sums)[rows][vectors]) {
  if constexpr (most >= 2) {
    if (taps < most) return slide_up_to<most - 1, T, lanes>(x, x_step, weights, taps, sums);
    slide_few<most, T, lanes>(x, x_step, weights, sums);
  }
}

/// Adds to the sums of `rows` positions their windows, tap by tap: from one tap to the next it is
/// tap_step elements, from one position's to the next one's row_step.
template <class T, std::size_t lanes, int rows, int vectors>
HWY_INLINE void add_taps(const T* from, std::int64_t row_step, std::int64_t tap_step,
                         const float* weights, std::int64_t taps,
                         hn::Vec<Floats<lanes>> (&sums)[rows][vectors]) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  constexpr int based = std::min(4, rows);  // a register for each row's step would be too many
  constexpr int bases = rows / based;
  const T* x[bases];
  for (std::int64_t i = 0; i < bases; ++i) x[i] = from + i * based * row_step;
  for (std::int64_t k = 0; k < taps; ++k, weights += vectors * step) {
    hn::Vec<Floats<lanes>> w[vectors];
    for (int v = 0; v < vectors; ++v) w[v] = hn::LoadU(d, weights + v * step);
    for (int row = 0; row < rows; ++row) {
      const T* at = x[row / based] + row % based * row_step;
      for (int v = 0; v < vectors; ++v) {
        sums[row][v] = hn::MulAdd(load(d, at + v * step), w[v], sums[row][v]);
      }
    }
    for (int i = 0; i < bases; ++i) x[i] += tap_step;
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
