#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/problem.hpp"

namespace convtune {

/// One output of the oracle.
struct ReferenceValue {
  double value = 0;      ///< activation included, float64 throughout
  double magnitude = 0;  ///< |bias| + Σ|x·w|: what rounding errors are measured against
};

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
