#pragma once

#include "kernels/cuda/implicit_gemm_config.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// Packs weights and bias as implicit_gemm_config.hpp has them. `weight` and `bias` are host arrays
/// of the problem's dtype and layout, `bias` null without one.
void pack_implicit_gemm(const Problem& problem, const cuda::ImplicitGemmConfig& config,
                        const void* weight, const void* bias, void* packed);

}  // namespace convtune
