#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/cuda_device.hpp"
#include "tests/emulator/conformance/cases.hpp"

namespace convtune {

/// Compiles the case for the GPU, runs it there and returns its output. Throws Error{failed} if
/// that cannot be done.
std::vector<unsigned> gpu_output(Device& gpu, const ConformanceCase& test);

}  // namespace convtune
