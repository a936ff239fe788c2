#include "kernels/cpu/targets.hpp"  // before all of Highway

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/within_tolerance.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include "kernels/cpu/simd-inl.hpp"
#include "kernels/cpu/within_tolerance.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {
namespace {

static_assert(sizeof(ReferenceValue) == 2 * sizeof(double));

template <class T>
bool all_within(double most, const ToleranceTerms& terms, const T* y,
                const ReferenceValue* expected) {
  const hn::Simd<double, HWY_LANES(double), 0> d;
  const hn::Rebind<float, decltype(d)> narrow;
  // Less by more than the roundings here, and those of a quotient in place of this product.
  const auto limit = hn::Set(d, most * (1 - 0x1p-40));
  const auto largest = hn::Set(d, std::numeric_limits<double>::max());
  auto all = hn::Eq(limit, limit);
  for (std::size_t i = 0; i < outputs_of_a_block; i += hn::MaxLanes(d)) {
    hn::Vec<decltype(d)> value, magnitude;
    hn::LoadInterleaved2(d, &expected[i].value, value, magnitude);
    const auto of_magnitude = hn::Mul(hn::Set(d, terms.of_magnitude), magnitude);
    const auto of_value = hn::Mul(hn::Set(d, terms.of_value), hn::Abs(value));
    const auto tolerance = hn::Add(hn::Add(of_magnitude, of_value), hn::Set(d, terms.least));
    const auto error = hn::Abs(hn::Sub(hn::PromoteTo(d, load(narrow, y + i)), value));
    all =
        hn::And(all, hn::And(hn::Le(error, hn::Mul(limit, tolerance)), hn::Le(tolerance, largest)));
  }
  return hn::AllTrue(d, all);
}

}  // namespace

bool block_within(double most, const ToleranceTerms& terms, const void* y, DType dtype,
                  const ReferenceValue* expected) {
  return by_dtype(dtype, [&](auto zero) {
    return all_within(most, terms, static_cast<const decltype(zero)*>(y), expected);
  });
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(block_within);

bool surely_within(double most, const ToleranceTerms& terms, const void* y, DType dtype,
                   std::span<const ReferenceValue, outputs_of_a_block> expected) {
  return HWY_DYNAMIC_DISPATCH(block_within)(most, terms, y, dtype, expected.data());
}

}  // namespace convtune
#endif
