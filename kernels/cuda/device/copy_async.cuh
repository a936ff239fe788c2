#pragma once

#include "kernels/cuda/device/platform.cuh"

// Copies from global to shared memory that pass the registers by (sm_80 and later). A thread waits
// for its own copies, by groups; a barrier then lets others see them.

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

template <int bytes>
void copy_async(unsigned to, const void* from, bool inside = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  emulator::copy_async(to, from, bytes, inside ? bytes : 0);
}
inline void copy_async_commit() { emulator::commit_copies(); }
template <int pending>
void copy_async_wait() {
  emulator::wait_for_copies(pending);
}

#elif __CUDA_ARCH__ >= 800

/// Starts to copy 4, 8 or 16 bytes to a shared address, zeros unless `inside`. Both sides are
/// aligned to them, `from` even if it is not read.
template <int bytes>
void copy_async(unsigned to, const void* from, bool inside = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  const int valid = inside ? bytes : 0;
  if constexpr (bytes == 16)  // past L1, which nobody would read it from
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(valid)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(bytes),
                 "r"(valid)
                 : "memory");
}

/// Makes a group of the copies started since the last.
inline void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Waits until at most the `pending` youngest groups are in flight.
template <int pending>
void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

#endif

}  // namespace convtune::cuda
