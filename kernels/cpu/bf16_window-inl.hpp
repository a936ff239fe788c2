// How cpu_bf16 lays out its window of x. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_BF16_WINDOW_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_BF16_WINDOW_INL
#undef CONVTUNE_CPU_BF16_WINDOW_INL
#else
#define CONVTUNE_CPU_BF16_WINDOW_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/bf16_parts-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

// What is laid out: inputs [first, last) of one group and batch row, for `rows` outputs.
template <class T>
struct Bf16Slice {
  const T* x;  // the group's first channel at position 0
  std::int64_t first_l, rows;
  std::int64_t first, last;
};

// In all parts.
inline void clear(const Bf16Plan& plan, Bits16* window, std::int64_t count) {
  for (std::int64_t part = 0; part < plan.parts; ++part, window += plan.window_part) {
    std::fill_n(window, count, Bits16{0});
  }
}

// The second of each pair, in all parts.
inline void clear_every_second(const Bf16Plan& plan, Bits16* window, std::int64_t pairs) {
  for (std::int64_t part = 0; part < plan.parts; ++part, window += plan.window_part) {
    for (std::int64_t i = 0; i < pairs; ++i) window[2 * i + 1] = 0;
  }
}

// NLC, positions for all taps: window[part][position][channel], zeros up to whole chunks.
template <class T>
bool copy_positions(const Bf16Plan& plan, const Bf16Slice<T>& s, Bits16* window) {
  const Problem& p = plan.problem;
  const std::int64_t start = window_start(p, s.first_l);
  const std::int64_t count = (s.rows - 1) * p.stride + (plan.taps - 1) * p.dilation + 1;
  const std::int64_t width = s.last - s.first;
  const std::int64_t padded = round_up(width, bf16_inputs);
  bool finite = true;
  for (std::int64_t i = 0; i < count; ++i, window += plan.window_row) {
    if (is_inside(p, start + i)) {
      const T* from = s.x + (start + i) * p.in_channels + s.first;
      finite = copy_parts(from, width, window, plan.window_part) && finite;
      clear(plan, window + width, padded - width);
    } else {
      clear(plan, window, padded);
    }
  }
  return finite;
}

// NLC, taps in turn: window[part][output][tap · Cin/G + channel], zeros up to whole chunks.
template <class T>
bool copy_taps(const Bf16Plan& plan, const Bf16Slice<T>& s, Bits16* window) {
  const Problem& p = plan.problem;
  const bool in_turn = p.dilation == 1 && p.num_groups == 1;  // in x, too
  const std::int64_t padded = round_up(s.last - s.first, bf16_inputs);
  bool finite = true;
  for (std::int64_t i = 0; i < s.rows; ++i, window += plan.window_row) {
    const std::int64_t start = window_start(p, s.first_l + i);
    const TapRange taps = valid_taps(p, start);
    const auto copy = [&](std::int64_t first, std::int64_t last, std::int64_t position) {
      const std::int64_t from = std::max(first * plan.group_in, s.first);
      const std::int64_t to = std::min(last * plan.group_in, s.last);
      if (from >= to) return;
      const T* x = s.x + position * p.in_channels + (from - first * plan.group_in);
      finite = copy_parts(x, to - from, window + from - s.first, plan.window_part) && finite;
    };
    if (taps.first > 0 || taps.last < p.kernel_size) clear(plan, window, padded);
    clear(plan, window + s.last - s.first, padded - (s.last - s.first));
    if (in_turn) {
      copy(taps.first, taps.last, start + taps.first);
      continue;
    }
    for (std::int64_t k = std::max(taps.first, s.first / plan.group_in);
         k < taps.last && k * plan.group_in < s.last; ++k) {
      copy(k, k + 1, start + k * p.dilation);
    }
  }
  return finite;
}

// NCL: one input at outputs [first, last), at[t · stride]; elsewhere it is 0.
template <class T>
struct Bf16Input {
  const T* at = nullptr;
  std::int64_t first = 0, last = 0;
  float operator()(std::int64_t t, std::int64_t stride) const {
    return t >= first && t < last ? widened(at[t * stride]) : 0;
  }
  Bits16 bits(std::int64_t t, std::int64_t stride) const {
    return t >= first && t < last ? at[t * stride].bits : Bits16{0};
  }
};

template <class T>
Bf16Input<T> input_of(const Bf16Plan& plan, const Bf16Slice<T>& s, std::int64_t input,
                      std::int64_t count) {
  const Problem& p = plan.problem;
  const std::int64_t tap = plan.config.window == taps_in_turn ? input / plan.group_in : 0;
  const std::int64_t start = window_start(p, s.first_l) + tap * p.dilation;
  const std::int64_t room = p.length - 1 - start;
  const std::int64_t last = std::min(count, room < 0 ? 0 : room / p.stride + 1);
  const std::int64_t first = std::min(last, ceil_div(std::max<std::int64_t>(0, -start), p.stride));
  return {s.x + (input - tap * plan.group_in) * p.length + start, first, last};
}

// `lanes` outputs from `t` on of an input with stride 1 or 2; with stride 2 the position behind the
// last is read along.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_input(D d, const Bf16Input<T>& input, std::int64_t t,
                                 std::int64_t stride) {
  if (stride == 1) return load(d, input.at + t);
  const T* from = input.at + 2 * t;
  HWY_ALIGN float pairs[2 * max_lanes];
  hn::Store(load(d, from), d, pairs);
  hn::Store(load(d, from + max_lanes), d, pairs + max_lanes);
  hn::Vec<D> even, odd;
  hn::LoadInterleaved2(d, pairs, even, odd);
  return even;
}

// Likewise, in the lower half of each lane.
template <class D>
HWY_INLINE hn::Vec<D> load_bits(D d, const Bf16Input<hwy::bfloat16_t>& input, std::int64_t t,
                                std::int64_t stride) {
  if (stride == 1) {
    const hn::Rebind<Bits16, D> d16;
    return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const Bits16*>(input.at + t)));
  }
  const auto pairs = hn::LoadU(d, reinterpret_cast<const std::uint32_t*>(input.at + 2 * t));
  return hn::And(pairs, hn::Set(d, 0xFFFF));
}

// row[t] = low(t), high(t), the low one first in memory, in all parts; false if some number does
// not have them.
template <class T>
bool interleave(const Bf16Input<T>& low, const Bf16Input<T>& high, std::int64_t stride,
                std::int64_t count, Bits16* row, std::int64_t part_step) {
  bool finite = true;
  const auto pair = [&](std::int64_t t) {
    Bf16Rest first = {low(t, stride)}, second = {high(t, stride)};
    finite = finite && has_parts<T>(first.left) && has_parts<T>(second.left);
    for (std::int64_t part = 0; part < parts_of<T>; ++part) {
      row[part * part_step + 2 * t] = first.take();
      row[part * part_step + 2 * t + 1] = second.take();
    }
  };
  constexpr Floats<max_lanes> d;
  using D = std::remove_const_t<decltype(d)>;
  const hn::RebindToUnsigned<D> u;
  auto wild = hn::FirstN(d, 0);
  std::int64_t t = 0;
  for (; t < std::min(std::max(low.first, high.first), count); ++t) pair(t);
  if (stride <= 2) {
    constexpr std::int64_t lanes = max_lanes;
    for (; t + lanes + (stride - 1) <= std::min(low.last, high.last); t += lanes) {
      Rest<D> first = {load_input(d, low, t, stride)}, second = {load_input(d, high, t, stride)};
      wild = hn::Or(wild, hn::Or(too_small<T>(first), too_small<T>(second)));
      for (std::int64_t part = 0; part < parts_of<T>; ++part) {
        const auto both = hn::Or(hn::ShiftRight<16>(first.take()), second.take());
        hn::StoreU(both, u, reinterpret_cast<std::uint32_t*>(row + part * part_step + 2 * t));
      }
      wild = hn::Or(wild, hn::IsNaN(hn::Add(first.left, second.left)));
    }
  }
  for (; t < count; ++t) pair(t);
  return finite && hn::AllFalse(d, wild);
}

// bfloat16 is copied as it is.
inline bool interleave(const Bf16Input<hwy::bfloat16_t>& low,
                       const Bf16Input<hwy::bfloat16_t>& high, std::int64_t stride,
                       std::int64_t count, Bits16* row, std::int64_t /*part_step*/) {
  const auto put = [&](std::int64_t t, Bits16 one, Bits16 other) {
    const Bits16 pair[] = {one, other};
    std::memcpy(row + 2 * t, pair, sizeof pair);
  };
  const std::int64_t first = std::min(std::max(low.first, high.first), count);
  const std::int64_t last = std::min({low.last, high.last, count});
  std::int64_t t = 0;
  for (; t < first; ++t) put(t, low.bits(t, stride), high.bits(t, stride));
  if (stride <= 2) {
    constexpr std::int64_t lanes = max_lanes;
    constexpr hn::RebindToUnsigned<Floats<max_lanes>> d;
    for (; t + lanes + (stride - 1) <= last; t += lanes) {
      const auto both =
          hn::Or(load_bits(d, low, t, stride), hn::ShiftLeft<16>(load_bits(d, high, t, stride)));
      hn::StoreU(both, d, reinterpret_cast<std::uint32_t*>(row + 2 * t));
    }
  }
  for (; t < last; ++t) put(t, low.at[t * stride].bits, high.at[t * stride].bits);
  for (; t < count; ++t) put(t, low.bits(t, stride), high.bits(t, stride));
  return true;
}

// NCL: window[part][pair of inputs][position or output][2], zeros up to whole chunks; vectors need
// none but an odd input's partner.
template <class T>
bool copy_pairs(const Bf16Plan& plan, const Bf16Slice<T>& s, Bits16* window) {
  const Problem& p = plan.problem;
  const std::int64_t count = s.rows + (plan.taps - 1) * p.dilation;
  const std::int64_t last = s.first + round_up(s.last - s.first, plan.by_tiles ? bf16_inputs : 2);
  // The next block's rows are more than hardware follows. With tiles it was not measured.
  const bool fetches = !plan.by_tiles && p.stride == 1 && plan.config.window == positions &&
                       plan.pass_chunks == plan.chunks;
  const std::int64_t room = p.length - window_start(p, s.first_l) - count;
  bool finite = true;
  for (std::int64_t i = s.first; i < last; i += 2, window += plan.window_row) {
    if (i >= s.last) {
      clear(plan, window, 2 * count);
      continue;
    }
    const bool alone = i + 1 == s.last;
    const Bf16Input<T> low = input_of(plan, s, i, count);
    const Bf16Input<T> high = alone ? low : input_of(plan, s, i + 1, count);
    if (fetches) {
      prefetch_rows(low.at + count, high.at - low.at, 2, std::min(s.rows, room));
    }
    finite = interleave(low, high, p.stride, count, window, plan.window_part) && finite;
    if (alone) clear_every_second(plan, window, count);
  }
  return finite;
}

/// False if x has a number there that its parts do not add up to.
template <class T>
bool lay_out(const Bf16Plan& plan, const Bf16Slice<T>& slice, Bits16* window) {
  if (plan.problem.layout == Layout::NCL) {
    return copy_pairs(plan, slice, window);
  }
  if (plan.config.window == taps_in_turn) return copy_taps(plan, slice, window);
  return copy_positions(plan, slice, window);
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
