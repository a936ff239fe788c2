#pragma once

#include "kernels/cuda/toeplitz_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Long kernels of few input channels a group, blocked over taps: Toeplitz matrices of the weights
/// on tensor cores. Host twin of toeplitz.cuh.
const Family& cuda_toeplitz();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::ToeplitzConfig toeplitz_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::ToeplitzConfig& config);

}  // namespace convtune
