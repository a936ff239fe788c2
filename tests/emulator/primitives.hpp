#pragma once

#include "kernels/enums.hpp"
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

/// Loads `count` 8x8 matrices of 16-bit elements; lane i names row i % 8 of matrix i / 8.
void load_matrix(unsigned* registers, unsigned count, bool transposed, unsigned row, Location at);
/// d += a * b, 16x8 from 16xk and kx8, in the fragments of mma.sync.
void multiply_matrices(DType dtype, float* d, const unsigned* a, const unsigned* b, Location at);

// Copies from global to shared memory that their thread waits for, by groups. Behind `valid` bytes
// of `bytes` there are zeros.
void copy_async(unsigned to, const void* from, unsigned bytes, unsigned valid);
void commit_copies();
/// Waits until at most `pending` of the groups are in flight.
void wait_for_copies(unsigned pending);

}  // namespace convtune::emulator
