#include "kernels/winograd_magnitudes.hpp"

#include <cmath>
#include <limits>

#include "kernels/coordinates.hpp"
#include "kernels/in_parallel.hpp"
#include "kernels/side_by_side.hpp"

namespace convtune {
namespace {

using Floats = std::vector<float>;

/// What sums make of a size at most, or infinity.
float bounded(float size, float growth) {
  const bool may_overflow = growth * size > std::numeric_limits<float>::max();
  return may_overflow ? std::numeric_limits<float>::infinity()
                      : size + std::numeric_limits<float>::min();
}

/// The largest of x near outputs of one position t of a row (n, group), for each channel.
void largest_near(const Problem& problem, const float* x, std::int64_t t, float* largest) {
  constexpr std::int64_t outputs = 3;  // before and behind, that a patch may hold
  const std::int64_t depth = in_channels_per_group(problem);
  for (std::int64_t i = -outputs; i < problem.kernel_size + outputs; ++i) {
    const std::int64_t position = t - problem.padding.left + i * problem.dilation;
    if (position < 0 || position >= problem.length) continue;
    for (std::int64_t c = 0; c < depth; ++c) {
      const float size = std::abs(x[position * depth + c]);
      if (size > largest[c] || std::isnan(size)) largest[c] = size;
    }
  }
  for (std::int64_t c = 0; c < depth; ++c) {
    largest[c] = bounded(largest[c], winograd_input_growth);
  }
}

/// (N, G, L', Cin/G)
Floats inputs_near(const Problem& problem, const Floats& x) {
  const std::int64_t depth = in_channels_per_group(problem);
  const std::int64_t length_out = output_length(problem);
  const std::int64_t positions = problem.batch * problem.num_groups * length_out;
  Floats near(static_cast<std::size_t>(positions * depth));
  in_parallel(positions, static_cast<std::int64_t>(near.size()), [&](std::int64_t i) {
    const float* row = x.data() + i / length_out * problem.length * depth;
    largest_near(problem, row, i % length_out, near.data() + i * depth);
  });
  return near;
}

/// (Cout, Cin/G)
Floats sums_of_taps(const Problem& problem, const Floats& weight) {
  const std::int64_t depth = in_channels_per_group(problem);
  Floats sums(static_cast<std::size_t>(problem.out_channels * depth));
  const float* tap = weight.data();
  for (std::int64_t out = 0; out < problem.out_channels; ++out) {
    float* sum = sums.data() + out * depth;
    for (std::int64_t k = 0; k < problem.kernel_size; ++k, tap += depth) {
      for (std::int64_t c = 0; c < depth; ++c) sum[c] += std::abs(tap[c]);
    }
    for (std::int64_t c = 0; c < depth; ++c) sum[c] = bounded(sum[c], winograd_weight_growth);
  }
  return sums;
}

double product_of(const float* a, const float* b, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

}  // namespace

std::vector<ReferenceValue> with_winograd_magnitudes(const Problem& problem, const void* x,
                                                     const void* weight, const void* bias,
                                                     std::span<const std::int64_t> indices,
                                                     std::vector<ReferenceValue> values) {
  const SideBySide operands = side_by_side(problem, x, weight);
  const Floats near = inputs_near(problem, operands.x);
  const Floats taps = sums_of_taps(problem, operands.weight);
  const std::int64_t depth = in_channels_per_group(problem);
  const auto outputs = static_cast<std::int64_t>(indices.size());
  in_parallel(outputs, outputs * depth, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const Coordinates out = output_at(problem, indices[at]);
    const std::int64_t group = out.channel / out_channels_per_group(problem);
    const std::int64_t row =
        (out.batch * problem.num_groups + group) * output_length(problem) + out.position;
    const double sums =
        product_of(near.data() + row * depth, taps.data() + out.channel * depth, depth);
    const double start =
        bias == nullptr ? 0 : double{load_element(bias, problem.dtype, out.channel)};
    values[at].magnitude = std::abs(start) + winograd_growth * sums;
  });
  return values;
}

}  // namespace convtune
