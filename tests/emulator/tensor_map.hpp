#pragma once

#include <optional>

#include "kernels/cuda/tensor_map.hpp"

namespace convtune::emulator {

/// What the driver makes of `args`, as the emulator understands it. Throws Error if the driver
/// would refuse them.
cuda::TensorMap make_tensor_map(const cuda::TensorMapArgs& args);

/// What `map` was made from, or nothing if make_tensor_map did not make it.
std::optional<cuda::TensorMapArgs> read_tensor_map(const cuda::TensorMap& map);

}  // namespace convtune::emulator
