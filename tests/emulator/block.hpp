#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tests/emulator/async_copies.hpp"
#include "tests/emulator/barriers.hpp"
#include "tests/emulator/global_memory.hpp"
#include "tests/emulator/launch.hpp"
#include "tests/emulator/mbarriers.hpp"
#include "tests/emulator/race_detector.hpp"
#include "tests/emulator/scheduler.hpp"
#include "tests/emulator/shared_memory.hpp"
#include "tests/emulator/together.hpp"
#include "tests/emulator/warpgroups.hpp"

namespace convtune::emulator {

/// The block in flight on an OS thread: what it has of each piece of hardware.
struct Block {
  Block(const LaunchGeometry& geometry, const std::function<void()>& thread,
        const Options& options);

  /// Runs one block. Returns the first problem, or nothing.
  std::string run(unsigned index);

  const Options& options;
  Scheduler scheduler;
  GlobalMemory global;
  SharedMemory shared;
  std::optional<RaceDetector> races;  ///< where plain accesses are visible
  Barriers barriers;
  Together warps;
  AsyncCopies copies;
  Mbarriers mbarriers;
  Warpgroups warpgroups;
};

inline thread_local Block* current_block = nullptr;

/// Notes an access to global memory. One that is out of bounds, or not aligned either, fails.
void access_arrays(Block& block, const void* address, unsigned bytes, bool writes);
void access_global(Block& block, const void* address, unsigned bytes, bool writes);

[[noreturn]] void fail_outside_shared(Block& block, const void* pointer, unsigned bytes);

/// Bytes from the start of shared memory; an access that is out of bounds or not aligned fails.
unsigned shared_offset(Block& block, const void* pointer, unsigned bytes);

/// The bytes at an address in the window of shared memory; likewise.
char* shared_bytes(Block& block, unsigned address, unsigned bytes);

}  // namespace convtune::emulator
