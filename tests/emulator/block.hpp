#pragma once

#include <optional>

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

struct Cluster;

/// A block in flight: what it has of each piece of hardware, and what its cluster's blocks share.
struct Block {
  Block(Cluster& of, unsigned rank_in_it, const LaunchGeometry& geometry);

  /// Forgets what the block before did.
  void reset();

  Cluster& cluster;
  const unsigned rank;
  const unsigned threads;
  const unsigned first_agent;  ///< of its threads
  Scheduler& scheduler;
  GlobalMemory& global;
  std::optional<RaceDetector>& races;  ///< where plain accesses are visible

  SharedMemory shared;
  Barriers barriers;
  Together warps;
  AsyncCopies copies;
  Mbarriers mbarriers;
  Warpgroups warpgroups;

  // What other blocks did to its shared memory, and what its threads knew when they ended.
  RaceDetector::Knowledge touched = {};
  RaceDetector::Knowledge at_end = {};
};

/// The running thread's.
inline thread_local Block* current_block = nullptr;

/// Notes an access to global memory. One that is out of bounds, or not aligned either, fails.
void access_arrays(Block& block, const void* address, unsigned bytes, bool writes);
void access_global(Block& block, const void* address, unsigned bytes, bool writes);

/// Notes that the running thread touches the block's shared memory: if it is another's, that is to
/// be over when the block ends.
void note_touch(Block& block);

[[noreturn]] void fail_outside_shared(Block& block, const void* pointer, unsigned bytes);

/// Bytes from the start of the cluster's shared memory; an access that is out of bounds or not
/// aligned fails.
unsigned shared_offset(Block& block, const void* pointer, unsigned bytes);

/// The bytes at an address in the window of shared memory; likewise.
char* shared_bytes(Block& block, unsigned address, unsigned bytes);

}  // namespace convtune::emulator
