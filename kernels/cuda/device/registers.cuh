#pragma once

#include "kernels/cuda/device/platform.cuh"

// The share of registers that the threads of a warpgroup have (sm_90a): a producer gives away what
// consumers take. Multiples of 8 from 24 to 256; the kernel needs launch bounds.

namespace convtune::cuda {

constexpr bool can_have_registers(int count) {
  return count % 8 == 0 && count >= 24 && count <= 256;
}

#if !defined(__CUDACC_RTC__)

template <int count>
void take_registers(Location at = Location::current()) {
  static_assert(can_have_registers(count));
  emulator::change_registers(at);
}
template <int count>
void give_registers(Location at = Location::current()) {
  static_assert(can_have_registers(count));
  emulator::change_registers(at);
}

#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// From now on each thread of the warpgroup has `count`, more than before.
template <int count>
void take_registers() {
  static_assert(can_have_registers(count));
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}
/// Likewise, fewer than before.
template <int count>
void give_registers() {
  static_assert(can_have_registers(count));
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}

#endif

}  // namespace convtune::cuda
