#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/implicit_gemm_config.hpp"
#include "kernels/family.hpp"

// Which configs cuda_implicit_gemm has, which of them runs untuned, and the sizes on which its
// rules, its default and its launch agree.

namespace convtune::implicit_gemm {

using Shape = cuda::ConvShape<cuda::Int64>;

std::vector<Parameter> parameters();
std::vector<Constraint> constraints();
Config default_config(const Problem& p, const DeviceProperties& device);

/// What is baked into the kernel but the width of indices, which needs sizes that keep the
/// constraints.
cuda::ImplicitGemmConfig with_narrow_indices(const Problem& p, const Config& config);

/// Of the grid.
std::int64_t blocks(const Problem& p, const Config& c);

/// Of the block that needs most.
std::int64_t shared_bytes(const Problem& p, const Config& c);

/// That an SM's registers have room for at once.
int blocks_per_sm(const Problem& problem, const Config& config);

/// Steps of the reduction for the block that has most: a tap of as many channels as fill a row.
cuda::Int64 steps(const cuda::ImplicitGemmConfig& c, const Shape& shape);

/// Whole tiles that the busiest SM goes through, the exchange of sums included.
double busiest_tiles(const cuda::ImplicitGemmConfig& c, const Shape& shape,
                     const DeviceProperties& device);

}  // namespace convtune::implicit_gemm
