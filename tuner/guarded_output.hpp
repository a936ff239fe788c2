#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/cpu/thread_pool.hpp"
#include "runtime/device.hpp"

namespace convtune {

/// y of a problem in a device's memory with guard bands on both sides, to see what a kernel writes.
class GuardedOutput {
 public:
  /// `threads` serve to fill and search it.
  GuardedOutput(Device& device, const Problem& problem, ThreadPool& threads);
  GuardedOutput(const GuardedOutput&) = delete;
  GuardedOutput& operator=(const GuardedOutput&) = delete;

  void* data() const;  ///< the device's, aligned to a page
  std::size_t bytes() const { return bytes_; }

  /// Sets all bits: a NaN in each of the three dtypes.
  void fill_with_poison();
  /// Makes host_data() what data() is; says whether the guard bands are as they were poisoned.
  bool fetch();
  const void* host_data() const;
  /// The first element of host_data() that still is as it was poisoned, or -1.
  std::int64_t first_unwritten() const;

 private:
  Device& device_;
  ThreadPool& threads_;
  std::size_t element_;
  std::size_t bytes_;
  std::shared_ptr<void> memory_;
  std::vector<std::byte> copy_;  ///< empty where the device is the CPU
  std::span<std::byte> host_;    ///< the copy, or the memory itself
};

}  // namespace convtune
