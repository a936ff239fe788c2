#pragma once

#include "tests/emulator/running.hpp"

// What the host halves of kernels/cuda/device call, for the running thread. Whatever a GPU would
// answer with a fault or with nonsense ends the launch with an error.

namespace convtune::emulator {

// Global memory. The address is aligned to the access.
void load_global(void* to, const void* from, unsigned bytes);
void store_global(void* to, const void* from, unsigned bytes);

// Shared memory.
char* shared_memory();
/// The address that instructions take.
unsigned shared_address(const void* pointer);
void load_shared(void* to, const void* from, unsigned bytes);
void store_shared(void* to, const void* from, unsigned bytes);

// Barriers. A warp reaches them as a whole, from one place in the source.
void sync_block(Location at);
/// Barrier 1 to 15 for `threads`, whole warps, of which some wait and others only arrive.
void sync_named(unsigned barrier, unsigned threads, Location at);
void arrive_named(unsigned barrier, unsigned threads, Location at);

// Operations of a whole warp.
void sync_warp(Location at);
/// The value of lane `from`, each lane naming its own source.
unsigned shuffle(unsigned value, unsigned from, Location at);

}  // namespace convtune::emulator
