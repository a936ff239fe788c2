// How cpu_direct lays out its window of x. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_DIRECT_WINDOW_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_DIRECT_WINDOW_INL
#undef CONVTUNE_CPU_DIRECT_WINDOW_INL
#else
#define CONVTUNE_CPU_DIRECT_WINDOW_INL
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// What a pass reads of x: its share of input channels and taps, for `rows` outputs from first_l
/// on.
struct DirectPart {
  std::int64_t first_l = 0, rows = 0;
  std::int64_t first_channel = 0, channels = 0;
  TapRange taps;
};

// As many whole vectors as there are from element i on; what follows them.
template <std::size_t lanes, class T>
HWY_INLINE std::int64_t widen_vectors(const T* from, std::int64_t i, std::int64_t count,
                                      float* to) {
  constexpr Floats<lanes> d;
  constexpr std::int64_t step = lanes;
  for (; i + step <= count; i += step) hn::StoreU(load(d, from + i), d, to + i);
  return i;
}

// Groups may have few channels: short rows are the rule there.
template <class T>
void widen_row(const T* from, std::int64_t count, float* to) {
  std::int64_t i = widen_vectors<max_lanes>(from, 0, count, to);
  if constexpr (max_lanes > 4) i = widen_vectors<4>(from, i, count, to);
  widen_vectors<1>(from, i, count, to);
}

// `count` slots from `slot` on hold positions from `position` on, `step` apart. Positions outside x
// are left out: nobody reads them.
template <class T>
void widen_slots(const DirectPlan& plan, const DirectPart& part, const T* x, std::int64_t slot,
                 std::int64_t position, std::int64_t step, std::int64_t count, float* window) {
  const Problem& p = plan.problem;
  const std::int64_t before = ceil_div(std::max<std::int64_t>(0, -position), step);
  const std::int64_t room = p.length - 1 - position;
  const std::int64_t last = room < 0 ? 0 : std::min(count, room / step + 1);
  if (before >= last) return;
  count = last - before;
  position += before * step;
  window += (slot + before) * plan.slot_step;
  if (p.layout == Layout::NLC) {
    const T* from = x + position * p.in_channels + part.first_channel;
    if (step == 1 && part.channels == p.in_channels && plan.slot_step == p.in_channels) {
      return widen_row(from, count * p.in_channels, window);
    }
    for (std::int64_t i = 0; i < count; ++i, from += step * p.in_channels) {
      widen_row(from, part.channels, window + i * plan.slot_step);
    }
    return;
  }
  const T* from = x + part.first_channel * p.length + position;
  for (std::int64_t c = 0; c < part.channels; ++c, from += p.length, window += plan.channel_step) {
    if (step == 1) {
      widen_row(from, count, window);
      continue;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      window[i] = hn::GetLane(load(Floats<1>(), from + i * step));
    }
  }
}

/// x is the batch row's group at position 0.
template <class T>
void lay_out(const DirectPlan& plan, const DirectPart& part, const T* x, float* window) {
  const Problem& p = plan.problem;
  const std::int64_t taps = part.taps.last - part.taps.first;
  const std::int64_t start = window_start(p, part.first_l) + part.taps.first * p.dilation;
  if (plan.slot_row == p.stride && plan.slot_tap == p.dilation) {
    const std::int64_t count = (part.rows - 1) * p.stride + (taps - 1) * p.dilation + 1;
    return widen_slots(plan, part, x, 0, start, 1, count, window);
  }
  for (std::int64_t k = 0; k < taps; ++k) {
    widen_slots(plan, part, x, k * plan.slot_tap, start + k * p.dilation, p.stride, part.rows,
                window);
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
