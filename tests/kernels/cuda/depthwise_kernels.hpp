#pragma once

#include <span>

#include "kernels/cuda/depthwise_config.hpp"
#include "tests/kernels/cuda/host_kernel.hpp"

namespace convtune {

/// A sample that has every value of every field, for both layouts and all dtypes.
std::span<const HostKernel<cuda::DepthwiseConfig>> depthwise_kernels();

}  // namespace convtune
