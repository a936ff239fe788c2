#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/cuda_device.hpp"
#include "tests/emulator/conformance/cases.hpp"

namespace convtune {

/// Runs the case on the GPU, compiled here or taken from the pack that CONVTUNE_PACK names, and
/// returns its output. Throws Error{failed} if that cannot be done.
std::vector<unsigned> gpu_output(Device& gpu, const ConformanceCase& test);

}  // namespace convtune
