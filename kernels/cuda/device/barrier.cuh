#pragma once

#include "kernels/cuda/device/platform.cuh"

// Barriers order what was done to shared memory before against what is done after. All threads of a
// warp must reach a barrier together.

namespace convtune::cuda {

#if defined(__CUDACC_RTC__)

/// Waits for all threads of the block.
inline void block_barrier() { __syncthreads(); }

/// Waits for the calling warp.
inline void warp_barrier() { __syncwarp(); }

/// Barriers 1 to 15 are for `threads` of the block, a multiple of 32: those that wait and those
/// that only arrive.
inline void named_barrier_wait(int barrier, int threads) {
  asm volatile("barrier.cta.sync.aligned %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
inline void named_barrier_arrive(int barrier, int threads) {
  asm volatile("barrier.cta.arrive.aligned %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

#else

inline void block_barrier(Location at = Location::current()) { emulator::sync_block(at); }
inline void warp_barrier(Location at = Location::current()) { emulator::sync_warp(at); }
inline void named_barrier_wait(int barrier, int threads, Location at = Location::current()) {
  emulator::sync_named(static_cast<unsigned>(barrier), static_cast<unsigned>(threads), at);
}
inline void named_barrier_arrive(int barrier, int threads, Location at = Location::current()) {
  emulator::arrive_named(static_cast<unsigned>(barrier), static_cast<unsigned>(threads), at);
}

#endif

}  // namespace convtune::cuda
