#pragma once

#include <functional>

#include "kernels/cuda/cuda_kernel.hpp"
#include "runtime/cuda/driver.hpp"

/// Streams, events and graphs of the imaginary GPU. Work is done when it is started, or, captured,
/// when its graph is launched. One capture at a time; it spreads to streams that wait for it.
namespace convtune::fake_driver {

struct Launch {
  std::function<void()> thread;
  LaunchGeometry geometry;
};

/// Fills in the functions of streams, events, graphs and user objects.
void add_streams(Driver& driver);

CUresult run_or_capture(const Launch& launch, CUstream stream);

/// False while a stream is captured, unless this thread's captures are relaxed.
bool allows_what_waits();

/// What a function returns that does what it should: CUDA_SUCCESS but for a lack of a context.
CUresult with_context();

}  // namespace convtune::fake_driver
