#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/problem.hpp"

namespace convtune {

/// One output of the oracle.
struct ReferenceValue {
  double value = 0;  ///< activation included, float64 throughout
  /// What rounding errors are measured against: |bias| + Σ|x·w|. If serves_winograd(): |bias| +
  /// winograd_growth · Σ_ci max|x| · Σ_k|w|, with the maximum over the positions of x that the
  /// outputs up to 3 dilations before and behind read.
  double magnitude = 0;
};

/// What F(2,3) or F(4,3) make on their way of max|x| · Σ|w| of a channel, rounded up: max over
/// outputs of Σ_j |output_j| · max|weight_j| · Σ|input_j| (kernels/cpu/winograd_patch.hpp).
inline constexpr double winograd_growth = 18;

/// The activation in float64. A NaN stays one; at −∞ the formulas of gelu, gelu_tanh and silu give
/// −∞·0 = NaN, as PyTorch's do.
double activate(Activation activation, double value);

/// The output elements `indices` (linear, in y's own layout) computed from the definition in
/// float64, in the order asked for. x, weight and bias are arrays of the problem's dtype and
/// layout, aligned to their element; bias may be null. Positions outside x are left out of the sum,
/// so that an infinite weight times padding counts as 0. Takes float32 copies of x and weight, and
/// default_threads() threads if there is work for them: ask for many outputs at once.
std::vector<ReferenceValue> reference_at(const Problem& problem, const void* x, const void* weight,
                                         const void* bias, std::span<const std::int64_t> indices);

}  // namespace convtune
