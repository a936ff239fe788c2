#pragma once

#include <span>

#include "kernels/cuda/toeplitz_config.hpp"
#include "tests/kernels/cuda/host_kernel.hpp"

namespace convtune {

/// A sample that has every value of every field, for both layouts and all types.
std::span<const HostKernel<cuda::ToeplitzConfig>> toeplitz_kernels();

}  // namespace convtune
