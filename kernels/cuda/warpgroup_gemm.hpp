#pragma once

#include "kernels/cuda/warpgroup_gemm_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Matrix products of Hopper's warpgroups, fed by the copy engine: dense convolutions and wide
/// groups on sm_90a, 16-bit types in both layouts and TF32 in NLC. Host twin of warpgroup_gemm.cuh.
const Family& cuda_warpgroup_gemm();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::WarpgroupGemmConfig warpgroup_gemm_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::WarpgroupGemmConfig& config);

}  // namespace convtune
