// Vectors of float32 from and to arrays of any dtype. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_SIMD_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_SIMD_INL
#undef CONVTUNE_CPU_SIMD_INL
#else
#define CONVTUNE_CPU_SIMD_INL
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/cache.hpp"
#include "kernels/dtype.hpp"

// Before a loop over an array of vectors: unrolled they are registers, otherwise memory. Where the
// body is short the compiler sees to it itself.
#undef CONVTUNE_UNROLL
#define CONVTUNE_UNROLL _Pragma("GCC unroll 16")

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <std::size_t lanes>
using Floats = hn::Simd<float, lanes, 0>;

inline constexpr std::size_t max_lanes = HWY_LANES(float);

/// Vector registers.
inline constexpr int registers = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 32 : 16;

// Where hardware converts binary16; elsewhere Highway's own conversion drops infinities and
// truncates.
inline constexpr bool converts_float16 = HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 ||
                                         (HWY_TARGET == HWY_NEON && HWY_ARCH_ARM_A64);

/// f of a zero of the type that arrays of `dtype` have in the kernels.
template <class F>
auto by_dtype(DType dtype, const F& f) {
  switch (dtype) {
    case DType::float16:
      return f(hwy::float16_t());
    case DType::bfloat16:
      return f(hwy::bfloat16_t());
    default:
      return f(0.0F);
  }
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* from) {
  return hn::LoadU(d, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const hwy::bfloat16_t* from) {
  const hn::Rebind<std::uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, bits)));
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const hwy::float16_t* from) {
  if constexpr (converts_float16) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), from));
  } else {
    HWY_ALIGN float wide[hn::MaxLanes(d)];
    for (std::size_t i = 0; i < hn::MaxLanes(d); ++i) {
      wide[i] = load_element(from, DType::float16, static_cast<std::int64_t>(i));
    }
    return hn::Load(d, wide);
  }
}

/// All lanes are *from.
template <class D>
HWY_INLINE hn::Vec<D> broadcast(D d, const float* from) {
  return hn::Set(d, *from);
}

template <class D>
HWY_INLINE hn::Vec<D> broadcast(D d, const hwy::bfloat16_t* from) {
  return hn::Set(d, float_from_bfloat16(from->bits));
}

template <class D>
HWY_INLINE hn::Vec<D> broadcast(D d, const hwy::float16_t* from) {
  return hn::Set(d, hn::GetLane(load(Floats<1>(), from)));
}

template <class D>
HWY_INLINE void store(hn::Vec<D> value, D d, float* to) {
  hn::StoreU(value, d, to);
}

/// The lanes' bits in a 16-bit type, rounded to nearest even.
template <class D>
HWY_INLINE auto bits_of(hn::Vec<D> value, D /*d*/, hwy::bfloat16_t /*type*/) {
  const hn::RebindToUnsigned<D> d32;
  const hn::Rebind<std::uint16_t, D> d16;
  const auto bits = hn::BitCast(d32, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7FFF)));
  const auto quiet = hn::Or(bits, hn::Set(d32, 0x400000));
  const auto kept = hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(value)), quiet, rounded);
  return hn::TruncateTo(d16, hn::ShiftRight<16>(kept));
}

template <class D>
HWY_INLINE auto bits_of(hn::Vec<D> value, D d, hwy::float16_t /*type*/) {
  const hn::Rebind<std::uint16_t, D> d16;
  if constexpr (converts_float16) {
    return hn::BitCast(d16, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), value));
  } else {
    HWY_ALIGN float wide[hn::MaxLanes(d)];
    HWY_ALIGN std::uint16_t narrow[hn::MaxLanes(d)];
    hn::Store(value, d, wide);
    for (std::size_t i = 0; i < hn::MaxLanes(d); ++i) {
      store_element(narrow, DType::float16, static_cast<std::int64_t>(i), wide[i]);
    }
    return hn::Load(d16, narrow);
  }
}

template <class D, class T>
HWY_INLINE void store(hn::Vec<D> value, D d, T* to) {
  const hn::Rebind<std::uint16_t, D> d16;
  hn::StoreU(bits_of(value, d, T()), d16, reinterpret_cast<std::uint16_t*>(to));
}

/// Stores past the caches, which hwy::FlushStream() completes. `to` is aligned to the vector that
/// is stored, and the line that holds it is soon written as a whole.
template <class D>
HWY_INLINE void stream(hn::Vec<D> value, D d, float* to) {
  hn::Stream(value, d, to);
}

template <class D, class T>
HWY_INLINE void stream(hn::Vec<D> value, D d, T* to) {
  const hn::Rebind<std::uint16_t, D> d16;
  hn::Stream(bits_of(value, d, T()), d16, reinterpret_cast<std::uint16_t*>(to));
}

/// The first `count` lanes, the others 0; touches no other element.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_first(D d, const T* from, std::int64_t count) {
  T lanes[hn::MaxLanes(d)] = {};
  std::copy_n(from, count, lanes);
  return load(d, lanes);
}

template <class D, class T>
HWY_INLINE void store_first(hn::Vec<D> value, D d, T* to, std::int64_t count) {
  T lanes[hn::MaxLanes(d)];
  store(value, d, lanes);
  std::copy_n(lanes, count, to);
}

/// All lanes, or the first `count` if they are fewer.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_up_to(D d, const T* from, std::int64_t count) {
  constexpr std::int64_t lanes = hn::MaxLanes(D());
  return count >= lanes ? load(d, from) : load_first(d, from, count);
}

/// The first `count` lanes, or all if there are fewer.
template <class D, class T>
HWY_INLINE void store_up_to(hn::Vec<D> value, D d, T* to, std::int64_t count) {
  constexpr std::int64_t lanes = hn::MaxLanes(D());
  if (count >= lanes) {
    store(value, d, to);
  } else if (count > 0) {
    store_first(value, d, to, count);
  }
}

/// Asks for the cache lines of `rows` rows of `count` elements, one `step` elements behind the
/// other.
template <class T>
HWY_INLINE void prefetch_rows(const T* first, std::int64_t step, std::int64_t rows,
                              std::int64_t count) {
  constexpr std::int64_t line = cache_line / sizeof(T);
  for (std::int64_t row = 0; row < rows; ++row, first += step) {
    for (std::int64_t i = 0; i < count; i += line) hwy::Prefetch(first + i);
  }
}

/// Lanes i with position + i·stride in [0, length).
struct LaneRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

template <std::size_t lanes>
HWY_INLINE LaneRange lanes_inside(std::int64_t position, std::int64_t stride, std::int64_t length) {
  LaneRange inside = {0, lanes};
  while (inside.first < inside.last && position + inside.first * stride < 0) ++inside.first;
  while (inside.first < inside.last && position + (inside.last - 1) * stride >= length) {
    --inside.last;
  }
  return inside;
}

/// Lane i of the range is row[position + i·stride], other lanes are 0.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_strided(D d, const T* row, std::int64_t position, std::int64_t stride,
                                   LaneRange range) {
  T lanes[hn::MaxLanes(d)] = {};
  for (std::int64_t i = range.first; i < range.last; ++i) lanes[i] = row[position + i * stride];
  return load(d, lanes);
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
