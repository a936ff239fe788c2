// Activations on vectors of float32. Included once for every SIMD target.
#if defined(CONVTUNE_CPU_ACTIVATION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CONVTUNE_CPU_ACTIVATION_INL
#undef CONVTUNE_CPU_ACTIVATION_INL
#else
#define CONVTUNE_CPU_ACTIVATION_INL
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/problem.hpp"

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// x / (1 + exp(−z)). The exponential reaches infinity, so that x = −∞ gives NaN as −∞ · 0 does.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V times_logistic(D d, V x, V z) {
  const V bounded = hn::Max(z, hn::Set(d, -104.0F));  // as far as Exp goes
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), hn::Exp(d, hn::Neg(bounded))));
}

// erfc(z) for z ≥ 0 as exp(−z²) · t · P(t), t = 1 / (1 + z/2); P fitted to erfcx on [0, 14] with a
// relative error of 4.4e-8.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erfc_positive(D d, V z) {
  constexpr float coefficients[] = {-5.9385825e-2F, 2.8612122e-1F,  -4.9040142e-1F,
                                    2.8172842e-1F,  -2.9145747e-2F, 2.0375158e-1F,
                                    2.428353e-1F,   2.8241208e-1F,  2.8208435e-1F};
  const V t = hn::Div(hn::Set(d, 1.0F), hn::MulAdd(z, hn::Set(d, 0.5F), hn::Set(d, 1.0F)));
  V sum = hn::Zero(d);
  for (const float coefficient : coefficients) sum = hn::MulAdd(sum, t, hn::Set(d, coefficient));
  return hn::Mul(hn::Mul(sum, t), hn::Exp(d, hn::Neg(hn::Mul(z, z))));
}

// x·Φ(x) by the tail that does not cancel, ½x·erfc(|x|/√2): itself for x < 0, taken off x above.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  const V end = hn::Set(d, 14.0F);  // erfc is 0 from about 10 on
  const V z = hn::Min(hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678F)), end);
  const V tail = hn::Mul(hn::Mul(x, hn::Set(d, 0.5F)), erfc_positive(d, z));
  const V y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(x, tail));
  return hn::IfThenElse(hn::Gt(x, end), x, y);
}

// ½x(1 + tanh(u)) = x / (1 + exp(−2u)), u = √(2/π)·(x + 0.044715x³).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_tanh(D d, V x) {
  const V cubic = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715F), hn::Set(d, 1.0F));
  return times_logistic(d, x, hn::Mul(hn::Mul(x, hn::Set(d, 1.59576912F)), cubic));
}

/// The activation of every lane, to a few units in the last place of max(|x|, |y|). NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V activate(D d, V x, Activation activation) {
  V y = x;
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
    case Activation::gelu:
      y = gelu(d, x);
      break;
    case Activation::gelu_tanh:
      y = gelu_tanh(d, x);
      break;
    case Activation::silu:
      y = times_logistic(d, x, x);
      break;
    case Activation::tanh:
      y = hn::Tanh(d, x);
      break;
  }
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
