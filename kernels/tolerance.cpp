#include "kernels/tolerance.hpp"

#include <cmath>
#include <limits>

namespace convtune {
namespace {

double amplification(Activation activation) {
  switch (activation) {
    case Activation::none:
    case Activation::relu:
    case Activation::tanh:
      return 1;
    case Activation::silu:
      return 1.1;
    case Activation::gelu:
    case Activation::gelu_tanh:
      return 1.13;
  }
  return 1;
}

double largest(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 0x1.fffffep+127;
    case DType::float16:
      return 65504;
    case DType::bfloat16:
      return 0x1.fep+127;
  }
  return 0;
}

double least_subnormal(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return 0x1p-149;
    case DType::float16:
      return 0x1p-24;
    case DType::bfloat16:
      return 0x1p-133;
  }
  return 0;
}

/// The terms of tolerance() but for an output's own factors: a problem has millions of outputs.
struct Terms {
  double of_magnitude, of_value, least;
  bool winograd;
};

Terms terms_of(const Problem& problem) {
  const auto products = static_cast<double>(products_per_output(problem));
  double roundings = 4 * std::sqrt(products) + 4;
  if (problem.activation != Activation::none) roundings += 8;
  if (problem.math == Math::tf32) roundings += 2 * 0x1p13;
  if (problem.math == Math::tf32x3) roundings += 12;
  return {.of_magnitude = amplification(problem.activation) * roundings * 0x1p-24,
          .of_value = epsilon(problem.dtype),
          .least =
              least_subnormal(problem.dtype) / 2 + (products + 1) * least_subnormal(DType::float32),
          .winograd = serves_winograd(problem)};
}

/// The first term: how far the value may be off before it is stored.
double sum_error(const Terms& terms, const ReferenceValue& reference) {
  // An infinite sum has no rounding error; what relu or tanh makes of it is finite and exact.
  return std::isinf(reference.magnitude) ? 0 : terms.of_magnitude * reference.magnitude;
}

double sum_of(const Terms& terms, const ReferenceValue& reference) {
  return sum_error(terms, reference) + terms.of_value * std::abs(reference.value) + terms.least;
}

/// |y − ref| / tolerance, or the largest double for a value that nothing finite can measure.
double error_ratio(const Problem& problem, const Terms& terms, double y,
                   const ReferenceValue& expected) {
  constexpr double never = std::numeric_limits<double>::max();
  const double value = expected.value;
  const bool infinite_input = std::isinf(expected.magnitude);
  if (problem.math == Math::tf32x3 && infinite_input && std::isnan(y)) return 0;
  if (terms.winograd && !std::isfinite(expected.magnitude)) return 0;
  if (std::isnan(value)) return std::isnan(y) ? 0 : never;
  if (std::isinf(value)) return y == value ? 0 : never;
  if (std::isfinite(y)) return std::abs(y - value) / sum_of(terms, expected);
  if (!infinite_input && expected.magnitude > largest(DType::float32)) return 0;
  const double rounds_to_infinity = largest(problem.dtype) * (1 + epsilon(problem.dtype) / 2);
  const bool overflows = std::isinf(y) && std::signbit(y) == std::signbit(value) &&
                         std::abs(value) + sum_error(terms, expected) >= rounds_to_infinity;
  return overflows ? 0 : never;
}

}  // namespace

double tolerance(const Problem& problem, const ReferenceValue& reference) {
  return sum_of(terms_of(problem), reference);
}

CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected) {
  const Terms terms = terms_of(problem);
  CheckResult result;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const double ratio =
        error_ratio(problem, terms, load_element(y, problem.dtype, indices[i]), expected[i]);
    ++result.checked;
    if (ratio > 1) ++result.wrong;
    if (ratio > result.worst_ratio || result.worst_index < 0) {
      result.worst_ratio = ratio;
      result.worst_index = indices[i];
    }
  }
  return result;
}

}  // namespace convtune
