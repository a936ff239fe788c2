#include "kernels/reference.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "kernels/coordinates.hpp"
#include "kernels/in_parallel.hpp"
#include "kernels/side_by_side.hpp"

namespace convtune {
namespace {

/// Sums side by side: one alone would wait out the latency of every addition.
struct Sums {
  static constexpr std::int64_t lanes = 16;
  std::array<double, lanes> value = {};
  std::array<double, lanes> magnitude = {};

  void add(float x, float weight, std::int64_t lane) {
    const double product = double{x} * double{weight};
    value[static_cast<std::size_t>(lane)] += product;
    magnitude[static_cast<std::size_t>(lane)] += std::abs(product);
  }

  /// Σ x[i]·weight[i], `lane` that of the first product left over by whole rows of lanes.
  void add(const float* x, const float* weight, std::int64_t count, std::int64_t lane) {
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      for (std::int64_t j = 0; j < lanes; ++j) add(x[i + j], weight[i + j], j);
    }
    for (; i < count; ++i) add(x[i], weight[i], lane++ % lanes);
  }
};

ReferenceValue before_activation(const Problem& problem, const SideBySide& operands, double bias,
                                 const Coordinates& out) {
  const std::int64_t depth = in_channels_per_group(problem);
  const std::int64_t group = out.channel / out_channels_per_group(problem);
  const float* x =
      operands.x.data() + (out.batch * problem.num_groups + group) * problem.length * depth;
  const float* weight = operands.weight.data() + out.channel * problem.kernel_size * depth;

  const auto position = [&](std::int64_t tap) {
    return out.position * problem.stride + tap * problem.dilation - problem.padding.left;
  };
  std::int64_t first = 0;
  while (first < problem.kernel_size && position(first) < 0) ++first;
  std::int64_t last = problem.kernel_size;
  while (last > first && position(last - 1) >= problem.length) --last;

  Sums sums;
  const std::int64_t taps_side_by_side = problem.dilation == 1 ? last - first : 1;
  for (std::int64_t k = first; k < last; k += taps_side_by_side) {
    sums.add(x + position(k) * depth, weight + k * depth, taps_side_by_side * depth, k);
  }
  ReferenceValue sum{.value = bias, .magnitude = std::abs(bias)};
  for (const double value : sums.value) sum.value += value;
  for (const double magnitude : sums.magnitude) sum.magnitude += magnitude;
  return sum;
}

}  // namespace

double activate(Activation activation, double value) {
  switch (activation) {
    case Activation::none:
      return value;
    case Activation::relu:
      return value < 0 ? 0 : value;
    case Activation::gelu:
      return 0.5 * value * (1 + std::erf(value / std::numbers::sqrt2));
    case Activation::gelu_tanh: {
      const double inner = value + 0.044715 * value * value * value;
      return 0.5 * value * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * inner));
    }
    case Activation::silu:
      return value / (1 + std::exp(-value));
    case Activation::tanh:
      return std::tanh(value);
  }
  return value;
}

std::vector<ReferenceValue> reference_at(const Problem& problem, const void* x, const void* weight,
                                         const void* bias, std::span<const std::int64_t> indices) {
  const SideBySide operands = side_by_side(problem, x, weight);
  std::vector<ReferenceValue> values(indices.size());
  const auto compute = [&](std::size_t i) {
    const Coordinates out = output_at(problem, indices[i]);
    const double start =
        bias == nullptr ? 0 : double{load_element(bias, problem.dtype, out.channel)};
    values[i] = before_activation(problem, operands, start, out);
    values[i].value = activate(problem.activation, values[i].value);
  };

  const auto outputs = static_cast<std::int64_t>(indices.size());
  in_parallel(outputs, outputs * products_per_output(problem),
              [&](std::int64_t i) { compute(static_cast<std::size_t>(i)); });
  return values;
}

}  // namespace convtune
