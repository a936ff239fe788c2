#pragma once

#include <cstddef>
#include <span>

#include "kernels/dtype.hpp"
#include "kernels/reference.hpp"

namespace convtune {

/// tolerance() where the magnitude is finite:
///   of_magnitude · magnitude + of_value · |value| + least
struct ToleranceTerms {
  double of_magnitude, of_value, least;
};

inline constexpr std::size_t outputs_of_a_block = 256;

/// Whether a block of outputs, side by side in `y`, is within `most` ≥ 0 of its tolerances for
/// sure. False also where anything is not finite, and where no more than roundings decide.
bool surely_within(double most, const ToleranceTerms& terms, const void* y, DType dtype,
                   std::span<const ReferenceValue, outputs_of_a_block> expected);

}  // namespace convtune
