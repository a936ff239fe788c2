#include "kernels/tolerance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "kernels/cpu/window.hpp"
#include "kernels/cpu/within_tolerance.hpp"

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

/// Computed once: a problem has millions of outputs.
ToleranceTerms terms_of(const Problem& problem) {
  const auto products = static_cast<double>(products_per_output(problem));
  double roundings = 4 * std::sqrt(products) + 4;
  if (problem.activation != Activation::none) roundings += 8;
  if (problem.math == Math::tf32) roundings += 2 * 0x1p13;
  if (problem.math == Math::tf32x3) roundings += 12;
  return {.of_magnitude = amplification(problem.activation) * roundings * 0x1p-24,
          .of_value = epsilon(problem.dtype),
          .least = least_subnormal(problem.dtype) / 2 +
                   (products + 1) * least_subnormal(DType::float32)};
}

/// The first term: how far the value may be off before it is stored.
double sum_error(const ToleranceTerms& terms, const ReferenceValue& reference) {
  // An infinite sum has no rounding error; what relu or tanh makes of it is finite and exact.
  return std::isinf(reference.magnitude) ? 0 : terms.of_magnitude * reference.magnitude;
}

double sum_of(const ToleranceTerms& terms, const ReferenceValue& reference) {
  return sum_error(terms, reference) + terms.of_value * std::abs(reference.value) + terms.least;
}

/// |y − ref| / tolerance, or the largest double for a value that nothing finite can measure.
double error_ratio(const Problem& problem, const ToleranceTerms& terms, double y,
                   const ReferenceValue& expected) {
  constexpr double never = std::numeric_limits<double>::max();
  const double value = expected.value;
  const bool infinite_input = std::isinf(expected.magnitude);
  if (problem.math == Math::tf32x3 && infinite_input && std::isnan(y)) return 0;
  if (serves_winograd(problem) && !std::isfinite(expected.magnitude)) return 0;
  if (std::isnan(value)) return std::isnan(y) ? 0 : never;
  if (std::isinf(value)) return y == value ? 0 : never;
  if (std::isfinite(y)) return std::abs(y - value) / sum_of(terms, expected);
  if (!infinite_input && expected.magnitude > largest(DType::float32)) return 0;
  const double rounds_to_infinity = largest(problem.dtype) * (1 + epsilon(problem.dtype) / 2);
  const bool overflows = std::isinf(y) && std::signbit(y) == std::signbit(value) &&
                         std::abs(value) + sum_error(terms, expected) >= rounds_to_infinity;
  return overflows ? 0 : never;
}

constexpr std::int64_t outputs_of_a_task = 1 << 18;
constexpr std::int64_t operations_per_output = 8;

void add(const CheckResult& part, CheckResult& result) {
  result.checked += part.checked;
  result.wrong += part.wrong;
  if (part.worst_ratio > result.worst_ratio || result.worst_index < 0) {
    result.worst_ratio = part.worst_ratio;
    result.worst_index = part.worst_index;
  }
}

/// Whether a block surely changes no more of `result` than how many were checked: the common case.
bool is_ordinary(const Problem& problem, const ToleranceTerms& terms, const void* y,
                 std::span<const std::int64_t> indices, std::span<const ReferenceValue> expected,
                 const CheckResult& result) {
  constexpr std::size_t size = outputs_of_a_block;
  const bool side_by_side =
      indices.size() == size && indices.back() - indices.front() == std::int64_t{size} - 1;
  if (!side_by_side || result.worst_index < 0) return false;
  const auto* const first = static_cast<const std::byte*>(y) +
                            static_cast<std::size_t>(indices.front()) * size_of(problem.dtype);
  return surely_within(std::min(result.worst_ratio, 1.0), terms, first, problem.dtype,
                       expected.first<size>());
}

void add_block(const Problem& problem, const ToleranceTerms& terms, const void* y,
               std::span<const std::int64_t> indices, std::span<const ReferenceValue> expected,
               CheckResult& result) {
  if (is_ordinary(problem, terms, y, indices, expected, result)) {
    result.checked += std::int64_t{outputs_of_a_block};
    return;
  }
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const double ratio =
        error_ratio(problem, terms, load_element(y, problem.dtype, indices[i]), expected[i]);
    add({.checked = 1, .wrong = ratio > 1 ? 1 : 0, .worst_ratio = ratio, .worst_index = indices[i]},
        result);
  }
}

}  // namespace

double tolerance(const Problem& problem, const ReferenceValue& reference) {
  return sum_of(terms_of(problem), reference);
}

CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected) {
  ThreadPool alone(1);
  return compare(problem, y, indices, expected, alone);
}

CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected, ThreadPool& threads) {
  const ToleranceTerms terms = terms_of(problem);
  const auto outputs = static_cast<std::int64_t>(indices.size());
  std::vector<CheckResult> results(static_cast<std::size_t>(ceil_div(outputs, outputs_of_a_task)));
  const auto tasks = static_cast<std::int64_t>(results.size());
  threads.parallel_for(tasks, outputs * operations_per_output, [&](std::int64_t task) {
    const auto first = static_cast<std::size_t>(task * outputs_of_a_task);
    const auto last = std::min(indices.size(), first + outputs_of_a_task);
    for (std::size_t at = first; at < last; at += outputs_of_a_block) {
      const std::size_t count = std::min(outputs_of_a_block, last - at);
      add_block(problem, terms, y, indices.subspan(at, count), expected.subspan(at, count),
                results[static_cast<std::size_t>(task)]);
    }
  });
  CheckResult all;
  for (const CheckResult& result : results) add(result, all);
  return all;
}

}  // namespace convtune
