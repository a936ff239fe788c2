#pragma once

#include <memory>

#include "runtime/device.hpp"

namespace convtune {

/// A CPU executable for x and y in another device's memory: each run waits for the device, copies x
/// to the host, computes there and copies y back. Runs take turns. It cannot be captured.
std::unique_ptr<Executable> stage(std::shared_ptr<Device> device, Device& cpu,
                                  const Problem& problem, std::unique_ptr<Executable> on_cpu);

}  // namespace convtune
