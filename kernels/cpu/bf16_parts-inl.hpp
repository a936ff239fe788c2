// Numbers as sums of bfloat16, for cpu_bf16. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_BF16_PARTS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_BF16_PARTS_INL
#undef CONVTUNE_CPU_BF16_PARTS_INL
#else
#define CONVTUNE_CPU_BF16_PARTS_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/simd-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

/// Of an element type, as of its dtype.
template <class T>
inline constexpr std::int64_t parts_of = std::is_same_v<T, hwy::bfloat16_t>  ? 1
                                         : std::is_same_v<T, hwy::float16_t> ? 2
                                                                             : bf16_max_parts;

/// Bf16Rest of vectors.
template <class D>
struct Rest {
  using U = hn::RebindToUnsigned<D>;
  hn::Vec<D> left;

  /// The next part, in the upper half of each lane.
  HWY_INLINE hn::Vec<U> take() {
    constexpr U u;
    const auto part = hn::And(hn::BitCast(u, left), hn::Set(u, 0xFFFF0000U));
    left = hn::Sub(left, hn::BitCast(D(), part));
    return part;
  }
};

/// Whether the instruction sees `value`, of the type T, in its parts.
template <class T>
HWY_INLINE bool has_parts(float value) {
  if (parts_of<T> == bf16_max_parts && std::abs(value) < bf16_least_float) return value == 0;
  return std::isfinite(value);
}

/// Lanes that has_parts() refuses: before their parts are taken by smallness, afterwards by NaN.
template <class T, class D>
HWY_INLINE hn::Mask<D> too_small(const Rest<D>& number) {
  constexpr D d;
  if constexpr (parts_of<T> < bf16_max_parts) return hn::FirstN(d, 0);
  const auto below = hn::Lt(hn::Abs(number.left), hn::Set(d, bf16_least_float));
  return hn::AndNot(hn::Eq(number.left, hn::Zero(d)), below);
}

template <class T>
HWY_INLINE float widened(const T& value) {
  return hn::GetLane(load(Floats<1>(), &value));
}

/// to[part · part_step + i] = the parts of from[i]; false if some number does not have them.
/// bfloat16 is copied as it is.
template <class T>
bool copy_parts(const T* from, std::int64_t count, Bits16* to, std::int64_t part_step) {
  bool finite = true;
  std::int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  constexpr Floats<max_lanes> d;
  constexpr std::int64_t lanes = max_lanes;
  const hn::Repartition<Bits16, decltype(d)> d16;
  auto wild = hn::FirstN(d, 0);
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    Rest<std::remove_const_t<decltype(d)>> low = {load(d, from + i)};
    Rest<std::remove_const_t<decltype(d)>> high = {load(d, from + i + lanes)};
    wild = hn::Or(wild, hn::Or(too_small<T>(low), too_small<T>(high)));
    for (std::int64_t part = 0; part < parts_of<T>; ++part) {
      const auto bits = hn::BitCast(d16, low.take());
      hn::StoreU(hn::ConcatOdd(d16, hn::BitCast(d16, high.take()), bits), d16,
                 to + part * part_step + i);
    }
    wild = hn::Or(wild, hn::IsNaN(hn::Add(low.left, high.left)));
  }
  finite = hn::AllFalse(d, wild);
#endif
  for (; i < count; ++i) {
    Bf16Rest rest = {widened(from[i])};
    finite = finite && has_parts<T>(rest.left);
    for (std::int64_t part = 0; part < parts_of<T>; ++part) to[part * part_step + i] = rest.take();
  }
  return finite;
}

inline bool copy_parts(const hwy::bfloat16_t* from, std::int64_t count, Bits16* to,
                       std::int64_t /*part_step*/) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof *from);
  return true;
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
