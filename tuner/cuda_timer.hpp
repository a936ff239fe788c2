#pragma once

#include <memory>

#include "tuner/timer.hpp"

namespace convtune {

/// Captures the runs into a graph, launches it, and takes the time between events on its stream.
std::unique_ptr<Timer> make_cuda_timer(Device& device);

}  // namespace convtune
