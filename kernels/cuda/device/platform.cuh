#pragma once

// What kernel code takes for granted, once for the GPU (NVRTC, which compiles everything as device
// code and has no standard headers) and once for the host, where tests run it in the emulator
// (tests/emulator). The same holds for every file of this folder: each primitive of the hardware
// has its two halves side by side, and kernels are built from primitives alone.

#if defined(__CUDACC_RTC__)

#define CONVTUNE_UNROLL _Pragma("unroll")
#define CONVTUNE_KEEP_LOOP _Pragma("unroll 1")

namespace convtune::cuda {

inline unsigned block_index() { return blockIdx.x; }
inline unsigned block_count() { return gridDim.x; }
inline unsigned thread_index() { return threadIdx.x; }

}  // namespace convtune::cuda

#else

#include <cmath>

#include "tests/emulator/primitives.hpp"

#define CONVTUNE_UNROLL
#define CONVTUNE_KEEP_LOOP

namespace convtune::cuda {

using emulator::Location;

inline unsigned block_index() { return emulator::running.block; }
inline unsigned block_count() { return emulator::running.blocks; }
inline unsigned thread_index() { return emulator::running.thread; }

}  // namespace convtune::cuda

#endif

namespace convtune::cuda {

constexpr int warp_threads = 32;

inline int lane_index() { return static_cast<int>(thread_index() % warp_threads); }
inline int warp_index() { return static_cast<int>(thread_index() / warp_threads); }

}  // namespace convtune::cuda
