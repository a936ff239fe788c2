// How cpu_depthwise turns rows of NCL. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL
#undef CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL
#else
#define CONVTUNE_CPU_DEPTHWISE_TRANSPOSE_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/depthwise.hpp"
#include "kernels/cpu/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// to[j · to_step + i] = from[i · from_step + j] for i < rows, j < columns, in blocks of 4 × 4: the
/// last ones of many overlap those before them. The blocks lie in turn along `from`, or with
/// `along_to` along `to`.
inline void transpose(const float* from, std::int64_t from_step, std::int64_t rows,
                      std::int64_t columns, float* to, std::int64_t to_step,
                      [[maybe_unused]] bool along_to) {
#if HWY_TARGET != HWY_SCALAR
  constexpr hn::Simd<float, 4, 0> d;
  if (rows >= 4 && columns >= 4) {
    const auto block = [&](std::int64_t row, std::int64_t column) HWY_ATTR {
      const std::int64_t i = std::min(row, rows - 4), j = std::min(column, columns - 4);
      const float* at = from + i * from_step + j;
      const auto a = hn::LoadU(d, at), b = hn::LoadU(d, at + from_step);
      const auto c = hn::LoadU(d, at + 2 * from_step), e = hn::LoadU(d, at + 3 * from_step);
      const auto ac = hn::InterleaveLower(d, a, c), be = hn::InterleaveLower(d, b, e);
      const auto ac_upper = hn::InterleaveUpper(d, a, c), be_upper = hn::InterleaveUpper(d, b, e);
      float* into = to + j * to_step + i;
      hn::StoreU(hn::InterleaveLower(d, ac, be), d, into);
      hn::StoreU(hn::InterleaveUpper(d, ac, be), d, into + to_step);
      hn::StoreU(hn::InterleaveLower(d, ac_upper, be_upper), d, into + 2 * to_step);
      hn::StoreU(hn::InterleaveUpper(d, ac_upper, be_upper), d, into + 3 * to_step);
    };
    if (along_to) {
      for (std::int64_t column = 0; column < columns; column += 4) {
        for (std::int64_t row = 0; row < rows; row += 4) block(row, column);
      }
    } else {
      for (std::int64_t row = 0; row < rows; row += 4) {
        for (std::int64_t column = 0; column < columns; column += 4) block(row, column);
      }
    }
    return;
  }
#endif
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) to[j * to_step + i] = from[i * from_step + j];
  }
}

/// The same for packed rows of 1 to 4 positions, a vector of channels at a time. Returns how many
/// channels that were.
template <int length>
std::int64_t split_rows(const float* from, std::int64_t count, float* to) {
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  const std::int64_t channels = count / length;
  std::int64_t c = 0;
  for (; length * (c + lanes) <= count; c += lanes, from += lanes * length) {
    hn::Vec<decltype(d)> v0 = hn::LoadU(d, from), v1 = v0, v2 = v0, v3 = v0;
    if constexpr (length == 2) hn::LoadInterleaved2(d, from, v0, v1);
    if constexpr (length == 3) hn::LoadInterleaved3(d, from, v0, v1, v2);
    if constexpr (length == 4) hn::LoadInterleaved4(d, from, v0, v1, v2, v3);
    hn::StoreU(v0, d, to + c);
    if constexpr (length > 1) hn::StoreU(v1, d, to + channels + c);
    if constexpr (length > 2) hn::StoreU(v2, d, to + 2 * channels + c);
    if constexpr (length > 3) hn::StoreU(v3, d, to + 3 * channels + c);
  }
  return c;
}

inline std::int64_t split_short(const float* from, std::int64_t count, std::int64_t length,
                                float* to) {
  if (length == 1) return split_rows<1>(from, count, to);
  if (length == 2) return split_rows<2>(from, count, to);
  if (length == 3) return split_rows<3>(from, count, to);
  return length == 4 ? split_rows<4>(from, count, to) : 0;
}

/// And back: to[c · length + l] = from[l · step + c].
inline std::int64_t join_short(const float* from, std::int64_t step, std::int64_t channels,
                               std::int64_t length, float* to) {
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  if (length > 4) return 0;
  std::int64_t c = 0;
  for (; c + lanes <= channels; c += lanes, to += lanes * length) {
    const auto row = [&](std::int64_t l) HWY_ATTR { return hn::LoadU(d, from + l * step + c); };
    if (length == 1) hn::StoreU(row(0), d, to);
    if (length == 2) hn::StoreInterleaved2(row(0), row(1), d, to);
    if (length == 3) hn::StoreInterleaved3(row(0), row(1), row(2), d, to);
    if (length == 4) hn::StoreInterleaved4(row(0), row(1), row(2), row(3), d, to);
  }
  return c;
}

/// Parts of rows of NCL, at most depthwise_max_turned elements in all.
template <class T>
struct Rows {
  T* first;
  std::int64_t step;  ///< from one channel to the next
  std::int64_t channels, length;
  bool packed() const { return step == length; }
};

/// to[l][c] = from[c][l] in float32.
template <class T>
void turn_in(const Rows<T>& from, float* to) {
  if constexpr (std::is_same_v<T, const float>) {
    const std::int64_t count = from.channels * from.length;
    const std::int64_t c = from.packed() ? split_short(from.first, count, from.length, to) : 0;
    transpose(from.first + c * from.step, from.step, from.channels - c, from.length, to + c,
              from.channels, false);
  } else {
    constexpr Floats<max_lanes> d;
    constexpr std::int64_t lanes = max_lanes;
    HWY_ALIGN float wide[depthwise_max_turned];
    const std::int64_t rows = from.packed() ? 1 : from.channels;
    const std::int64_t count = from.channels * from.length / rows;
    for (std::int64_t row = 0; row < rows; ++row) {
      const T* at = from.first + row * from.step;
      for (std::int64_t i = 0; i < count; i += lanes) {
        store_up_to(load_up_to(d, at + i, count - i), d, wide + row * count + i, count - i);
      }
    }
    turn_in(Rows<const float>{wide, from.length, from.channels, from.length}, to);
  }
}

/// to[c][l] = from[l][c], where rows of `from` are `step` floats apart.
template <class T>
void turn_out(const float* from, std::int64_t step, const Rows<T>& to) {
  if constexpr (std::is_same_v<T, float>) {
    const std::int64_t c =
        to.packed() ? join_short(from, step, to.channels, to.length, to.first) : 0;
    // Many rows at once would share a set of the nearest cache where their distance is a power of
    // two.
    const bool along_rows = to.channels <= 16 || to.step > 256;
    transpose(from + c, step, to.length, to.channels - c, to.first + c * to.step, to.step,
              along_rows);
  } else {
    constexpr Floats<max_lanes> d;
    constexpr std::int64_t lanes = max_lanes;
    HWY_ALIGN float wide[depthwise_max_turned];
    turn_out(from, step, Rows<float>{wide, to.length, to.channels, to.length});
    const std::int64_t rows = to.packed() ? 1 : to.channels;
    const std::int64_t count = to.channels * to.length / rows;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < count; i += lanes) {
        const auto values = load_up_to(d, wide + row * count + i, count - i);
        store_up_to(values, d, to.first + row * to.step + i, count - i);
      }
    }
  }
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
