#pragma once

#include "kernels/cuda/warpgroup_gemm_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Matrix products of Hopper's warpgroups, fed by the copy engine: dense convolutions and wide
/// groups on sm_90a, 16-bit types in both layouts and TF32 in NLC. Host twin of warpgroup_gemm.cuh.
///
/// Main memory sees x, y and the packed weights once if L2 holds what tiles share. L2 is asked, per
/// tile and chunk of 128 bytes of input channels, for cuda::chunk_loads() bytes: rows of 128 bytes,
/// tile_l + tile_c of them a tap, fewer where taps share x or a cluster its weights, and tile_c
/// twice in tf32x3. For that it has tile_l * tile_c multiply-adds a tap and input channel, in whole
/// products of 32 bytes of channels, three times as many in tf32x3.
const Family& cuda_warpgroup_gemm();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::WarpgroupGemmConfig warpgroup_gemm_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::WarpgroupGemmConfig& config);

}  // namespace convtune
