#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/device.hpp"

namespace convtune {

/// What the device's second-level cache holds when a run starts.
enum class Cache {
  cold,  ///< neither its input nor its output
  warm,  ///< both, as far as they fit
};

/// Takes samples of executables' times.
class Timer {
 public:
  virtual ~Timer() = default;

  /// Sets what the samples run on: x, the input's bytes, and a y of so many bytes.
  virtual void load(std::span<const std::byte> x, std::size_t y_bytes) = 0;

  /// Mean seconds of `runs` ≥ 1 consecutive runs, measured as one stretch.
  virtual double seconds(const Executable& executable, int runs, Cache cache) = 0;
};

/// Runs on a CPU up to this long follow one that does not count.
inline constexpr double short_run_seconds = 1e-3;

/// Bytes beside x and y that the CPU's timer takes, to place them among.
inline constexpr std::int64_t placement_bytes = std::int64_t{3} << 20;

/// The timer that fits the device: a monotonic clock on the CPU, where consecutive runs find the
/// caches as they left them, whatever is asked for, and short ones follow one that does not count;
/// events around a graph of launches on a GPU.
std::unique_ptr<Timer> make_timer(Device& device);

}  // namespace convtune
