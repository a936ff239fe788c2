#pragma once

#include "kernels/cuda/cuda_kernel.hpp"
#include "runtime/cuda/driver.hpp"

namespace convtune {

/// Starts a kernel on a stream of the current context. Throws as check() does.
void launch_kernel(const Driver& driver, CUfunction function, const LaunchGeometry& geometry,
                   CUstream stream, void** parameters);

}  // namespace convtune
