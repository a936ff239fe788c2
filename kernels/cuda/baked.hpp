#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/dtype.hpp"

namespace convtune {

// What a CudaKernel says alike for all families, from the struct that is baked into a kernel:
// `baked` gives it for a problem and a config.

template <auto baked, auto text_of>
std::string instantiation_of(const Problem& problem, const Config& config) {
  return text_of(baked(problem, config));
}

/// By the overload of cuda::packed_bytes() for that struct.
template <auto baked>
std::size_t packed_bytes_of(const Problem& problem, const Config& config) {
  return static_cast<std::size_t>(packed_bytes(baked(problem, config), conv_shape(problem)));
}

/// For accesses of vec_x elements of x and vec_y of y.
template <auto baked>
std::size_t alignment_of(const Problem& problem, const Config& config) {
  const auto c = baked(problem, config);
  return static_cast<std::size_t>(std::max(c.vec_x, c.vec_y)) * size_of(problem.dtype);
}

}  // namespace convtune
