#pragma once

#include <vector>

#include "tests/emulator/conformance/cases.hpp"

namespace convtune {

/// What a thread does with numbers by itself: vectors of them, conversions, arithmetic,
/// activations.
std::vector<ConformanceCase> number_cases();

}  // namespace convtune
