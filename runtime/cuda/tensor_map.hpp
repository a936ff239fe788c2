#pragma once

#include "kernels/cuda/tensor_map.hpp"
#include "runtime/cuda/driver.hpp"

namespace convtune {

/// The driver's TensorMap of `args`. Throws Error{failed} naming the rule that they break, or as
/// check() does.
cuda::TensorMap encode_tensor_map(const Driver& driver, const cuda::TensorMapArgs& args);

}  // namespace convtune
