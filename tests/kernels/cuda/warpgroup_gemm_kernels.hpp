#pragma once

#include <span>

#include "kernels/cuda/warpgroup_gemm_config.hpp"
#include "tests/kernels/cuda/host_kernel.hpp"

namespace convtune {

/// A sample that has every value of every field, for all dtypes, math modes and layouts.
std::span<const HostKernel<cuda::WarpgroupGemmConfig, MappedHostThread>> warpgroup_gemm_kernels();

}  // namespace convtune
