#pragma once

#include <span>

#include "kernels/cuda/warpgroup_gemm_config.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"

namespace convtune {

/// A sample that has every value of every field, for both layouts and both dtypes.
std::span<const HostKernel<cuda::WarpgroupGemmConfig, MappedHostThread>> warpgroup_gemm_kernels();

}  // namespace convtune
