#pragma once

#include <memory>

#include "runtime/device.hpp"

namespace convtune {

/// Takes one sample of an executable's time.
class Timer {
 public:
  virtual ~Timer() = default;
  /// Mean seconds of `runs` ≥ 1 consecutive runs, measured as one stretch.
  virtual double seconds(const Executable& executable, const void* x, void* y, int runs) = 0;
};

/// The timer that fits the device: a monotonic clock on the CPU, events around a graph of launches
/// on a GPU.
std::unique_ptr<Timer> make_timer(Device& device);

}  // namespace convtune
