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

/// Output element `index` (linear, in y's own layout) computed from the definition in float64.
/// x, weight, bias are arrays of the problem's dtype and layout; bias may be null.
ReferenceValue reference_at(const Problem& problem, const void* x, const void* weight,
                            const void* bias, std::int64_t index);

/// Which outputs a check looks at: all of them up to 1 GFLOP (2 per multiply-add); above, every
/// output whose window reaches into the padding or lies in the last tile-sized tail of length,
/// channels and batch is a candidate of which at most 4,096 are drawn, and 4,096 random ones.
/// Sorted, without repeats, the same for the same seed.
std::vector<std::int64_t> outputs_to_check(const Problem& problem, std::uint64_t seed);

/// The tolerance of one output: (4·√n + 4)·2⁻²⁴·magnitude + ε(dtype)·|value|, n = K·Cin/G; for tf32
/// another 2⁻¹¹ per product, 2·2⁻¹¹·magnitude; and the activation's own rounding.
double tolerance(const Problem& problem, const ReferenceValue& reference);

/// How y compares with the oracle at `indices`.
struct CheckResult {
  std::int64_t checked = 0;
  std::int64_t wrong = 0;         ///< beyond tolerance, or not finite where the reference is
  double worst_ratio = 0;         ///< max |y − ref| / tolerance
  std::int64_t worst_index = -1;  ///< linear in y
};

/// `expected[i]` belongs to output `indices[i]`; y is an array of the problem's dtype.
CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected);

}  // namespace convtune
