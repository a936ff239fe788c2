#pragma once

#include "kernels/cuda/implicit_gemm_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Matrix products on tensor cores by mma.sync, for groups of at least 16 channels: 16-bit types,
/// and float32 by TF32 where the problem's math asks for it; sm_80 and later. Host twin of
/// implicit_gemm.cuh.
const Family& cuda_implicit_gemm();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::ImplicitGemmConfig implicit_gemm_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::ImplicitGemmConfig& config);

}  // namespace convtune
