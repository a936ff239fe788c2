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
/// so that an infinite weight times padding counts as 0. Costs a few nanoseconds a multiply-add,
/// and for 16-bit types float32 copies of x and weight: ask for many outputs at once.
std::vector<ReferenceValue> reference_at(const Problem& problem, const void* x, const void* weight,
                                         const void* bias, std::span<const std::int64_t> indices);

/// A check looks at every output of a problem with at most this many multiply-adds: 1 GFLOP.
inline constexpr std::int64_t most_multiply_adds_checked_whole = 500'000'000;
/// Of a larger one it looks at an edge as a whole if that has at most this many: 0.1 GFLOP. (An
/// edge of more than 131,072 outputs is never, one of at most outputs_drawn always seen as a
/// whole.)
inline constexpr std::int64_t most_multiply_adds_of_an_edge = 50'000'000;
/// Random outputs of a larger edge, and of all of y.
inline constexpr std::int64_t outputs_drawn = 4096;

/// Which outputs a check looks at: all of them up to 1 GFLOP. Above, outputs_drawn random ones and
/// five edges, each as a whole up to 0.1 GFLOP, else outputs_drawn random ones of it: windows that
/// reach into the left padding; windows that reach into the right padding; the last 128 positions;
/// the last 128 channels; the last batch row. Sorted, without repeats, the same for the same seed.
std::vector<std::int64_t> outputs_to_check(const Problem& problem, std::uint64_t seed);
/// At least as many as outputs_to_check() returns.
std::int64_t most_outputs_to_check(const Problem& problem);

/// How far y may be from the reference:
///   A · c · 2⁻²⁴ · magnitude + ε(dtype) · |value| + s
/// c = 4·√n + 4 with n = K·Cin/G: float32 sums of n products in any order;
///     with an activation + 8: its own evaluation in float32;
///     with tf32 + 2·2¹³: two factors, each off by 2⁻¹¹; with tf32x3 + 12: the lost low parts;
///     but 0 for an infinite magnitude.
/// A = how much the activation can amplify an error: 1 (none, relu, tanh), 1.1 (silu), 1.13 (gelu,
///     gelu_tanh).
/// s = half the least subnormal of dtype, and n + 1 times that of float32: where relative bounds
///     end.
double tolerance(const Problem& problem, const ReferenceValue& reference);

/// How y compares with the oracle.
struct CheckResult {
  std::int64_t checked = 0;
  std::int64_t wrong = 0;  ///< outputs not accepted
  double worst_ratio = 0;  ///< max |y − ref| / tolerance; the largest double where an output
                           ///< is not finite and not accepted; above 1 iff any is wrong
  std::int64_t worst_index = -1;  ///< linear in y
};

/// `expected[i]` belongs to output `indices[i]`; y is an array of the problem's dtype. Accepted is
/// - for a NaN: a NaN;
/// - for an infinity: the same one;
/// - for a finite value: what is within tolerance(); an infinity of its sign if |value| + the first
///   term of tolerance() rounds to one in dtype; anything not finite if a finite magnitude exceeds
///   the largest float32, since sums may then overflow on their way;
/// - with tf32x3 and an infinite magnitude: also a NaN.
CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected);

}  // namespace convtune
