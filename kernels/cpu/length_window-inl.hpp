// How cpu_length lays out its window of x. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_LENGTH_WINDOW_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_LENGTH_WINDOW_INL
#undef CONVTUNE_CPU_LENGTH_WINDOW_INL
#else
#define CONVTUNE_CPU_LENGTH_WINDOW_INL
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/cpu/length.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

// One channel of x.
template <class T>
struct Channel {
  const T* x;
  std::int64_t length;
};

// row[i] = position start + i · stride, 0 where that lies outside.
template <class T>
void copy_strided(const Channel<T>& channel, std::int64_t start, std::int64_t stride,
                  std::int64_t count, float* row) {
  const std::int64_t room = channel.length - 1 - start;
  const std::int64_t last = std::min(count, room < 0 ? 0 : room / stride + 1);
  const std::int64_t first = std::min(last, ceil_div(std::max<std::int64_t>(0, -start), stride));
  std::fill_n(row, first, 0.0F);
  const T* from = channel.x + start + first * stride;
  std::int64_t i = first;
  if (stride == 1) {
    constexpr Floats<max_lanes> d;
    constexpr std::int64_t lanes = max_lanes;
    for (; i + lanes <= last; i += lanes, from += lanes) hn::StoreU(load(d, from), d, row + i);
  }
  for (; i < last; ++i, from += stride) {
    row[i] = hn::GetLane(load(Floats<1>(), from));
  }
  std::fill(row + last, row + count, 0.0F);
}

// rows[phase · row_floats + i] = position start + i · stride + phase, for a stride of 2, 3 or 4.
// Whole vectors are written.
template <class T>
void copy_phases(const Channel<T>& channel, std::int64_t start, std::int64_t stride,
                 std::int64_t count, float* rows, std::int64_t row_floats) {
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  constexpr std::int64_t step = 8 * lanes;
  HWY_ALIGN float staged[4 * step];
  for (std::int64_t i = 0; i < count; i += step) {
    const std::int64_t here = round_up(std::min(step, count - i), lanes);
    copy_strided(channel, start + i * stride, 1, here * stride, staged);
    for (std::int64_t j = 0; j < here; j += lanes) {
      hn::Vec<decltype(d)> a, b, c, e;
      float* row = rows + i + j;
      if (stride == 2) {
        hn::LoadInterleaved2(d, staged + 2 * j, a, b);
      } else if (stride == 3) {
        hn::LoadInterleaved3(d, staged + 3 * j, a, b, c);
        hn::StoreU(c, d, row + 2 * row_floats);
      } else {
        hn::LoadInterleaved4(d, staged + 4 * j, a, b, c, e);
        hn::StoreU(c, d, row + 2 * row_floats);
        hn::StoreU(e, d, row + 3 * row_floats);
      }
      hn::StoreU(a, d, row);
      hn::StoreU(b, d, row + row_floats);
    }
  }
}

/// The rows of one channel: for every phase, `count` floats from position `start` on.
template <class T>
void lay_out(const LengthPlan& plan, const Channel<T>& channel, std::int64_t start,
             std::int64_t count, float* rows) {
  const std::int64_t stride = plan.problem.stride;
  if (stride >= 2 && stride <= 4) {
    return copy_phases(channel, start, stride, count, rows, plan.row_floats);
  }
  for (const std::int64_t phase : plan.phases) {
    copy_strided(channel, start + phase, stride, count, rows);
    rows += plan.row_floats;
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
