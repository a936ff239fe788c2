#pragma once

#include "kernels/cuda/device/platform.cuh"

// Exchanges of 32-bit values between the lanes of a warp, which call them together. They order no
// accesses to memory.

namespace convtune::cuda {

#if defined(__CUDACC_RTC__)

constexpr unsigned whole_warp = 0xffffffff;

/// The value of lane `lane`, 0 to 31; each lane may name another.
template <class T>
T shuffle(T value, int lane) {
  return __builtin_bit_cast(T, __shfl_sync(whole_warp, __builtin_bit_cast(int, value), lane));
}
/// The value of the lane whose number differs in the bits of `mask`.
template <class T>
T shuffle_xor(T value, int mask) {
  return __builtin_bit_cast(T, __shfl_xor_sync(whole_warp, __builtin_bit_cast(int, value), mask));
}
/// The value of the lane `delta` further up; its own where there is none.
template <class T>
T shuffle_down(T value, int delta) {
  return __builtin_bit_cast(T, __shfl_down_sync(whole_warp, __builtin_bit_cast(int, value), delta));
}

#else

template <class T>
T shuffle(T value, int lane, Location at = Location::current()) {
  const auto bits = __builtin_bit_cast(unsigned, value);
  return __builtin_bit_cast(T, emulator::shuffle(bits, static_cast<unsigned>(lane), at));
}
template <class T>
T shuffle_xor(T value, int mask, Location at = Location::current()) {
  return shuffle(value, lane_index() ^ mask, at);
}
template <class T>
T shuffle_down(T value, int delta, Location at = Location::current()) {
  const int lane = lane_index() + delta;
  return shuffle(value, lane < warp_threads ? lane : lane_index(), at);
}

#endif

}  // namespace convtune::cuda
