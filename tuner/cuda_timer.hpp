#pragma once

#include <memory>

#include "tuner/timer.hpp"

namespace convtune {

/// Captures the runs into a graph, launches it, and takes the time between events on its stream.
/// Cold, the runs take turns on buffers that together exceed the L2 cache twice, or on one each,
/// and the cache is overwritten before the start. The weights, which lie with the executable, stay
/// in the cache as far as they fit. Warm, all run on the same buffers, once before the start too.
std::unique_ptr<Timer> make_cuda_timer(Device& device);

}  // namespace convtune
