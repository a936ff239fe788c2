#pragma once

#include <string>

#include "results/record.hpp"
#include "runtime/device.hpp"

namespace convtune {

/// The provenance of a sweep that starts now: tool, command line, host, compiler, libraries, driver
/// and NVRTC as far as the device has them. Its id is unique.
Run describe_run(const DeviceProperties& device, std::string command, std::uint64_t seed);

}  // namespace convtune
