#pragma once

#include <memory>

#include "runtime/device.hpp"

namespace convtune {

/// This machine's CPU with default_threads() threads. Throws Error{invalid} if CONVTUNE_NUM_THREADS
/// is no number of threads.
std::shared_ptr<Device> make_cpu_device();

/// The same with `threads` ≥ 1 threads.
std::shared_ptr<Device> make_cpu_device(int threads);

}  // namespace convtune
