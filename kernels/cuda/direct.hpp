#pragma once

#include "kernels/cuda/direct_config.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Register tiles, no shared memory; serves every shape and dtype, with float32 products. Host twin
/// of direct.cuh.
///
/// Main memory sees x, y and the packed weights once if the caches hold what blocks side by side
/// share. They are asked, per tile of tile_l positions by tile_c channels, for tile_l + tile_c
/// elements a tap and input channel, for tile_l * tile_c multiply-adds. At the edges whole tiles of
/// whole blocks are computed.
const Family& cuda_direct();

/// What is baked into the kernel that serves `problem` with `config`.
cuda::DirectConfig direct_config(const Problem& problem, const Config& config);

/// The expression that instantiates that kernel.
std::string instantiation(const cuda::DirectConfig& config);

}  // namespace convtune
