#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/emulator/running.hpp"

// Runs CUDA kernels on the host: each thread of a block is a fiber, one cluster of blocks at a time
// (mostly a single block) runs on the calling OS thread, and several OS threads may launch at once.
// Units that hold kernels are built by convtune_add_emulated_kernels (CMakeLists.txt), which makes
// their plain accesses to shared memory visible to the race detector.

namespace convtune::emulator {

/// The order in which threads that could run do run.
enum class Schedule {
  in_order,  ///< first come, first served
  random,    ///< drawn with Options::seed
};

/// When asynchronous copies and matrix products take effect.
enum class Landing {
  late,    ///< when they are waited for and nothing else can run: the latest that is legal
  early,   ///< at once
  random,  ///< drawn with Options::seed
};

/// An array in global memory that the kernel may touch.
struct GlobalArray {
  const void* data = nullptr;
  std::size_t bytes = 0;
  bool writable = false;
};

struct Options {
  Schedule schedule = Schedule::in_order;
  Landing landing = Landing::late;
  std::uint64_t seed = 0;
  /// If given, an access to global memory outside them is an error.
  std::vector<GlobalArray> global = {};
};

struct Report {
  std::string error = {};  ///< the first problem, which ended the launch; empty if all went well
  Counts counts = {};
  /// What main memory would move with a cache that holds everything: bytes of the 32-byte sectors
  /// of Options::global that were loaded, and of those that were stored, each once.
  std::uint64_t sector_bytes = 0;
};

/// Runs `thread` for every thread of every block. Grid and block must be linear. Errors are: a
/// deadlock, a barrier or warp operation that its threads do not reach together, a race, a read of
/// shared memory that nobody wrote (see detects_races), an access out of bounds or not aligned, and
/// what else the primitives forbid.
Report launch(const LaunchGeometry& geometry, const std::function<void()>& thread,
              const Options& options = {});

/// Whether the launch sees plain accesses to shared memory, and so finds races and reads of what
/// nobody wrote: in builds without another sanitizer.
bool detects_races();

}  // namespace convtune::emulator
