#pragma once

#include "kernels/cuda/halo_config.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// Packs as halo_config.hpp has it: the plan, the table of rows, weights and bias. `weight` and
/// `bias` are host arrays of the problem's dtype and layout, `bias` null without one.
void pack_halo(const Problem& problem, const cuda::HaloConfig& config, const void* weight,
               const void* bias, void* packed);

}  // namespace convtune
