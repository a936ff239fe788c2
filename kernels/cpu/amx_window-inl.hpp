// How cpu_amx lays out its window of x. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_AMX_WINDOW_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_AMX_WINDOW_INL
#undef CONVTUNE_CPU_AMX_WINDOW_INL
#else
#define CONVTUNE_CPU_AMX_WINDOW_INL
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/amx.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

// What is laid out: inputs [first, last) of one group and batch row, for `rows` outputs.
struct AmxSlice {
  const Bits16* x;  // the group's first channel at position 0
  std::int64_t first_l, rows;
  std::int64_t first, last;
};

// NLC, positions for all taps: window[position][channel], zeros up to whole chunks.
inline void copy_positions(const AmxPlan& plan, const AmxSlice& s, Bits16* window) {
  const Problem& p = plan.problem;
  const std::int64_t start = window_start(p, s.first_l);
  const std::int64_t count = (s.rows - 1) * p.stride + (plan.taps - 1) * p.dilation + 1;
  const std::int64_t width = s.last - s.first;
  const std::int64_t padded = round_up(width, amx_inputs);
  for (std::int64_t i = 0; i < count; ++i, window += plan.window_row) {
    if (is_inside(p, start + i)) {
      std::copy_n(s.x + (start + i) * p.in_channels + s.first, width, window);
      std::fill(window + width, window + padded, Bits16{0});
    } else {
      std::fill_n(window, padded, Bits16{0});
    }
  }
}

// NLC, taps in turn: window[output][tap · Cin/G + channel], zeros up to whole chunks.
inline void copy_taps(const AmxPlan& plan, const AmxSlice& s, Bits16* window) {
  const Problem& p = plan.problem;
  const bool in_turn = p.dilation == 1 && p.num_groups == 1;  // in x, too
  const std::int64_t padded = round_up(s.last - s.first, amx_inputs);
  for (std::int64_t i = 0; i < s.rows; ++i, window += plan.window_row) {
    const std::int64_t start = window_start(p, s.first_l + i);
    const TapRange taps = valid_taps(p, start);
    const auto copy = [&](std::int64_t first, std::int64_t last, std::int64_t position) {
      std::int64_t from = std::max(first * plan.group_in, s.first);
      const std::int64_t to = std::min(last * plan.group_in, s.last);
      const Bits16* x = s.x + position * p.in_channels - first * plan.group_in;
      if (from < to) std::copy(x + from, x + to, window + from - s.first);
    };
    if (taps.first > 0 || taps.last < p.kernel_size) std::fill_n(window, padded, Bits16{0});
    std::fill(window + s.last - s.first, window + padded, Bits16{0});
    if (in_turn) {
      copy(taps.first, taps.last, start + taps.first);
      continue;
    }
    for (std::int64_t k = std::max(taps.first, s.first / plan.group_in);
         k < taps.last && k * plan.group_in < s.last; ++k) {
      copy(k, k + 1, start + k * p.dilation);
    }
  }
}

// NCL: one input at outputs [first, last), at[t · stride]; elsewhere it is 0.
struct AmxInput {
  const Bits16* at = nullptr;
  std::int64_t first = 0, last = 0;
  Bits16 operator()(std::int64_t t, std::int64_t stride) const {
    return t >= first && t < last ? at[t * stride] : Bits16{0};
  }
};

inline AmxInput input_of(const AmxPlan& plan, const AmxSlice& s, std::int64_t input,
                         std::int64_t count) {
  if (input >= s.last) return {};
  const Problem& p = plan.problem;
  const std::int64_t tap = plan.config.window == taps_in_turn ? input / plan.group_in : 0;
  const std::int64_t start = window_start(p, s.first_l) + tap * p.dilation;
  const std::int64_t room = p.length - 1 - start;
  const std::int64_t last = std::min(count, room < 0 ? 0 : room / p.stride + 1);
  const std::int64_t first = std::min(last, ceil_div(std::max<std::int64_t>(0, -start), p.stride));
  return {s.x + (input - tap * plan.group_in) * p.length + start, first, last};
}

// `lanes` outputs from `t` on of an input with stride 1 or 2, widened; with stride 2 the position
// between is read along, and left in the upper half.
template <class D>
HWY_INLINE hn::Vec<D> load_input(D d, const AmxInput& input, std::int64_t t, std::int64_t stride) {
  if (stride == 1) return hn::PromoteTo(d, hn::LoadU(hn::Rebind<Bits16, D>(), input.at + t));
  return hn::LoadU(d, reinterpret_cast<const std::uint32_t*>(input.at + 2 * t));
}

// row[t] = low(t), high(t), the low one first in memory.
inline void interleave(const AmxInput& low, const AmxInput& high, std::int64_t stride,
                       std::int64_t count, Bits16* row) {
  const auto pair = [&](std::int64_t t) {
    row[2 * t] = low(t, stride);
    row[2 * t + 1] = high(t, stride);
  };
  const std::int64_t first = std::max(low.first, high.first);
  const std::int64_t last = std::min(low.last, high.last);
  std::int64_t t = 0;
  for (; t < std::min(first, count); ++t) pair(t);
  if (stride <= 2) {
    constexpr hn::Simd<std::uint32_t, max_lanes, 0> d;
    constexpr std::int64_t lanes = max_lanes;
    for (; t + lanes + (stride - 1) <= last; t += lanes) {
      const auto even = hn::And(load_input(d, low, t, stride), hn::Set(d, 0xFFFFU));
      const auto odd = hn::ShiftLeft<16>(load_input(d, high, t, stride));
      hn::StoreU(hn::Or(even, odd), d, reinterpret_cast<std::uint32_t*>(row + 2 * t));
    }
  }
  for (; t < last; ++t) {
    row[2 * t] = low.at[t * stride];
    row[2 * t + 1] = high.at[t * stride];
  }
  for (; t < count; ++t) pair(t);
}

// NCL: window[pair of inputs][position or output][2], zeros up to whole chunks.
inline void copy_pairs(const AmxPlan& plan, const AmxSlice& s, Bits16* window) {
  const std::int64_t count = s.rows + (plan.taps - 1) * plan.problem.dilation;
  const std::int64_t last = s.first + round_up(s.last - s.first, amx_inputs);
  for (std::int64_t i = s.first; i < last; i += 2, window += plan.window_row) {
    interleave(input_of(plan, s, i, count), input_of(plan, s, i + 1, count), plan.problem.stride,
               count, window);
  }
}

inline void lay_out(const AmxPlan& plan, const AmxSlice& slice, Bits16* window) {
  if (plan.problem.layout == Layout::NCL) return copy_pairs(plan, slice, window);
  if (plan.config.window == taps_in_turn) return copy_taps(plan, slice, window);
  copy_positions(plan, slice, window);
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
