#pragma once

#include "kernels/cuda/depthwise_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// A register window that slides along the length, no shared memory; serves one input channel a
/// group, with any multiplier, with float32 products in any math. Host twin of depthwise.cuh.
const Family& cuda_depthwise();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::DepthwiseConfig depthwise_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::DepthwiseConfig& config);

}  // namespace convtune
