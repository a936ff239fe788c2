// How cpu_winograd reads and writes patches as lanes, in NCL. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_WINOGRAD_COLUMNS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_WINOGRAD_COLUMNS_INL
#undef CONVTUNE_CPU_WINOGRAD_COLUMNS_INL
#else
#define CONVTUNE_CPU_WINOGRAD_COLUMNS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/length_window-inl.hpp"
#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/cpu/winograd_transform-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// As many patches as there are lanes.
template <std::size_t m>
struct PatchLanes {
  static constexpr std::int64_t lanes = max_lanes;
  static constexpr std::int64_t inputs = m + 2;
  std::int64_t first[lanes];  ///< outputs
  bool side_by_side;          ///< these are consecutive

  HWY_INLINE PatchLanes(const Problem& p, std::int64_t patch)
      : side_by_side(p.dilation > 1 && patch % p.dilation + lanes <= p.dilation) {
    for (std::int64_t i = 0; i < lanes; ++i) first[i] = first_output<m>(p, patch + i);
  }

  /// Whether all of what they read lies in x.
  HWY_INLINE bool are_inside(const Problem& p) const {
    const std::int64_t reach = (inputs - 1) * p.dilation;
    return window_start(p, first[0]) >= 0 && window_start(p, first[lanes - 1]) + reach < p.length;
  }
};

/// Lane i of patch[k] is what the i-th of the patches reads k-th of a channel, 0 where that is not
/// in x.
template <std::size_t m, class T>
HWY_INLINE void load_patches(const Problem& p, const PatchLanes<m>& patches, bool inside,
                             const T* channel, LaneVec* patch) {
  constexpr Lanes d;
  constexpr std::int64_t lanes = max_lanes;
  constexpr std::int64_t inputs = m + 2;
  HWY_ALIGN float copy[inputs * lanes];
  const std::int64_t start = window_start(p, patches.first[0]);
  if (p.dilation == 1) {
    constexpr std::int64_t count = m * (max_lanes + 1);
    const float* from = copy;
    if (std::is_same_v<T, float> && start >= 0 && start + count <= p.length) {
      from = reinterpret_cast<const float*>(channel + start);
    } else {
      copy_strided<T>({channel, p.length}, start, 1, count, copy);
    }
    if constexpr (m == 2) {
      hn::LoadInterleaved2(d, from, patch[0], patch[1]);
      hn::LoadInterleaved2(d, from + 2, patch[2], patch[3]);
    } else {
      LaneVec unused_a, unused_b;
      hn::LoadInterleaved4(d, from, patch[0], patch[1], patch[2], patch[3]);
      hn::LoadInterleaved4(d, from + 4, patch[4], patch[5], unused_a, unused_b);
    }
  } else if (inside && patches.side_by_side) {
    for (std::int64_t k = 0; k < inputs; ++k) patch[k] = load(d, channel + start + k * p.dilation);
  } else {
    T taken[inputs * lanes] = {};
    for (std::int64_t i = 0; i < lanes; ++i) {
      std::int64_t position = window_start(p, patches.first[i]);
      for (std::int64_t k = 0; k < inputs; ++k, position += p.dilation) {
        if (inside || is_inside(p, position)) taken[k * lanes + i] = channel[position];
      }
    }
    for (std::int64_t k = 0; k < inputs; ++k) patch[k] = load(d, taken + k * lanes);
  }
}

/// Stores lane i of y[k] as the k-th output of the i-th of the patches, where a row has it.
template <std::size_t m, class T>
HWY_INLINE void store_patches(const Problem& p, const PatchLanes<m>& patches, const LaneVec* y,
                              std::int64_t length_out, T* row) {
  constexpr Lanes d;
  constexpr std::int64_t lanes = max_lanes;
  constexpr std::int64_t outputs = m;
  HWY_ALIGN float copy[outputs * lanes];
  std::int64_t start = patches.first[0];
  if (p.dilation == 1) {
    const std::int64_t count = std::min(outputs * lanes, length_out - start);
    float* to = copy;
    if (std::is_same_v<T, float> && count == outputs * lanes) {
      to = reinterpret_cast<float*>(row + start);
    }
    if constexpr (m == 2) {
      hn::StoreInterleaved2(y[0], y[1], d, to);
    } else {
      hn::StoreInterleaved4(y[0], y[1], y[2], y[3], d, to);
    }
    if (to != copy) return;
    for (std::int64_t i = 0; i < count; i += lanes) {
      store_up_to(hn::Load(d, copy + i), d, row + start + i, count - i);
    }
  } else if (patches.side_by_side) {
    for (std::int64_t k = 0; k < outputs; ++k, start += p.dilation) {
      store_up_to(y[k], d, row + start, length_out - start);
    }
  } else {
    T ready[outputs * lanes];
    for (std::int64_t k = 0; k < outputs; ++k) store(y[k], d, ready + k * lanes);
    for (std::int64_t i = 0; i < lanes; ++i) {
      std::int64_t position = patches.first[i];
      for (std::int64_t k = 0; k < outputs && position < length_out; ++k, position += p.dilation) {
        row[position] = ready[k * lanes + i];
      }
    }
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
