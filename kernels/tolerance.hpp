#pragma once

#include <cstdint>
#include <span>

#include "kernels/problem.hpp"
#include "kernels/reference.hpp"

namespace convtune {

class ThreadPool;

/// How far y may be from the reference:
///   A · c · 2⁻²⁴ · magnitude + ε(dtype) · |value| + s
/// c = 4·√n + 4 with n = K·Cin/G: float32 sums of n products in any order;
///     with an activation + 8: its own evaluation in float32;
///     with tf32 + 2·2¹³: two factors, each off by 2⁻¹¹; with tf32x3 + 12: the lost low parts;
///     but 0 for an infinite magnitude.
/// A = how much the activation can amplify an error: 1 (none, relu, tanh), 1.1 (silu), 1.13 (gelu,
///     gelu_tanh).
/// magnitude = that of reference_at(); of a family that uses_winograd, for a problem that
///     serves_winograd(), that of with_winograd_magnitudes().
/// s = half the least subnormal of dtype, and n + 1 times that of float32: where relative bounds
///     end.
double tolerance(const Problem& problem, const ReferenceValue& reference);

/// How y compares with the oracle.
struct CheckResult {
  std::int64_t checked = 0;
  std::int64_t wrong = 0;  ///< outputs not accepted
  double worst_ratio = 0;  ///< max |y − ref| / tolerance; the largest double where an output
                           ///< is not finite and not accepted; above 1 iff any is wrong
  std::int64_t worst_index = -1;  ///< linear in y, the first of those alike
};

/// `expected[i]` belongs to output `indices[i]`, and these ascend; y is an array of the problem's
/// dtype. Accepted is
/// - for a NaN: a NaN;
/// - for an infinity: the same one;
/// - for a finite value: what is within tolerance(); an infinity of its sign if |value| + the first
///   term of tolerance() rounds to one in dtype; anything not finite if a finite magnitude exceeds
///   the largest float32, since sums may then overflow on their way;
/// - with tf32x3 and an infinite magnitude: also a NaN;
/// - if serves_winograd() and the magnitude is not finite: anything.
CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected);
/// The same by several threads.
CheckResult compare(const Problem& problem, const void* y, std::span<const std::int64_t> indices,
                    std::span<const ReferenceValue> expected, ThreadPool& threads);

}  // namespace convtune
