#pragma once

#include <functional>

#include "runtime/device.hpp"

namespace convtune {

/// How many times as long a fixed piece of work takes at the moment of the call as it lately did at
/// best in this process: 1 on a calm machine, more where a neighbour has a part of the same cores,
/// or the clock is low.
using Pulse = std::function<double()>;

/// The work is a small convolution, about 10 µs of each of the CPU's threads: what slows it slows
/// candidates.
Pulse cpu_pulse();

/// The one that fits the device; a GPU's is always 1.
Pulse pulse_of(const Device& device);

}  // namespace convtune
