#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/reference.hpp"

namespace convtune {

/// What F(2,3) or F(4,3) make on their way of max|x| · Σ|w| of a channel, rounded up: max over
/// outputs of Σ_j |output_j| · max|weight_j| · Σ|input_j| (kernels/cpu/winograd_patch.hpp).
inline constexpr double winograd_growth = 18;
/// The largest Σ|input_j| and max|weight_j|, rounded up: what sums of x alone and of weights alone
/// may reach.
inline constexpr float winograd_input_growth = 7;
inline constexpr float winograd_weight_growth = 1.1F;

/// `values`, which reference_at() gave for a problem that serves_winograd(), with the magnitudes
/// that its sums may reach:
///   |bias| + winograd_growth · Σ_ci (max|x| + 2⁻¹²⁶) · (Σ_k|w| + 2⁻¹²⁶)
/// with the maximum over the positions of x that the outputs up to 3 dilations before and behind
/// read. The least normal number stands for the roundings of what is less. Infinite, or a NaN,
/// where that is, or a sum of x or of weights alone may exceed float32.
std::vector<ReferenceValue> with_winograd_magnitudes(const Problem& problem, const void* x,
                                                     const void* weight, const void* bias,
                                                     std::span<const std::int64_t> indices,
                                                     std::vector<ReferenceValue> values);

}  // namespace convtune
