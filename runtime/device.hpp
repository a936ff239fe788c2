#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "generator/candidates.hpp"
#include "kernels/device_properties.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// A CUDA stream's handle (CUstream), or null for the default one. The CPU ignores it.
using Stream = void*;

/// A candidate made ready for one problem: weights packed, code loaded. Destruction waits for the
/// runs that were started.
class Executable {
 public:
  virtual ~Executable() = default;

  /// Computes all of y from x (packed arrays in the device's memory, at least alignment() bytes
  /// aligned). May be called from several threads, and run on several streams at once. On a GPU it
  /// waits for nothing and may be captured into a graph. Allocates nothing, but for scratch memory
  /// that a vendor's library asks for, once for a stream or a capture.
  virtual void run(const void* x, void* y, Stream stream) const = 0;

  /// Bytes that x and y must be aligned to.
  virtual std::size_t alignment() const = 0;

  /// What a vendor's library chose to run: two candidates of a problem by which it says the same
  /// are one kernel. Empty for a kernel that its config names.
  virtual std::string implementation() const { return ""; }

  /// About the memory that goes with it, packed weights above all, in bytes.
  virtual std::size_t bytes() const { return 0; }
};

/// A place where candidates run. All members may be called from several threads.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceProperties& properties() const = 0;

  /// Device memory, aligned to 256 bytes, freed with the pointer. Throws Error{no_memory}.
  virtual std::shared_ptr<void> allocate(std::size_t bytes) = 0;
  virtual void copy_in(void* device, const void* host, std::size_t bytes) = 0;
  virtual void copy_out(void* host, const void* device, std::size_t bytes) = 0;

  /// Waits for all that was started.
  virtual void synchronize() = 0;

  /// False once a kernel's fault has spoilt the device for this process: all else then fails too,
  /// until a new process opens it. Waits for all that was started.
  virtual bool usable() const { return true; }

  /// Compiles or loads what the candidate needs and packs the weights: host arrays of the problem's
  /// dtype and layout, bias null without one, neither kept. Throws Error{failed} if this candidate
  /// cannot be had here or the device is no longer usable(), Error{no_memory}, Error{unavailable}
  /// if it is lost to new processes too.
  /// `contents` may be their contents_name(), made once for all problems: what a device keeps of
  /// them packed, it finds by that, and need not read them all again.
  virtual std::unique_ptr<Executable> prepare(const Problem& problem, const Candidate& candidate,
                                              const void* weight, const void* bias,
                                              std::string_view contents = {}) = 0;
};

/// Names what the host arrays hold as no others do, by digests; bias null without one. Batch and
/// length of the problem do not matter.
std::string contents_name(const Problem& problem, const void* weight, const void* bias);

/// "cpu", "cuda", "cuda:1", or "auto": the first GPU if one can be used, else the CPU. The same
/// object for the same name. Throws Error{unavailable} saying what is missing.
std::shared_ptr<Device> open_device(std::string_view name);

/// Generated and vendor families, CPU and CUDA: all that this build can run.
std::span<const Family* const> all_families();

}  // namespace convtune
