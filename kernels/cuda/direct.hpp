#pragma once

#include "kernels/cuda/direct_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Register tiles, no shared memory; serves every shape and dtype in ieee math. Host
/// twin of direct.cuh.
const Family& cuda_direct();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::DirectConfig direct_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::DirectConfig& config);

}  // namespace convtune
