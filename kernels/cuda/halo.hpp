#pragma once

#include "kernels/cuda/halo_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// A tile of x with its halo in shared memory, taps and channels folded into one reduction. Serves
/// float32 of any width, with float32 products, and 16-bit types where a group has few channels.
/// Host twin of halo.cuh.
const Family& cuda_halo();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::HaloConfig halo_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::HaloConfig& config);

}  // namespace convtune
