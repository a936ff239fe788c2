#pragma once

#include <vector>

#include "kernels/problem.hpp"

namespace convtune {

/// x as (N, G, L, Cin/G) and the weights as (Cout, K, Cin/G), in float32: what one output sums lies
/// side by side.
struct SideBySide {
  std::vector<float> x;
  std::vector<float> weight;
};

/// Of arrays of the problem's dtype and layout.
SideBySide side_by_side(const Problem& problem, const void* x, const void* weight);

}  // namespace convtune
