#pragma once

// What kernel code takes for granted, once for the GPU (NVRTC, which compiles everything as device
// code and has no standard headers) and once for the host, where a test runs blocks and threads as
// plain loops.

#if defined(__CUDACC_RTC__)

#define CONVTUNE_UNROLL _Pragma("unroll")

namespace convtune::cuda {

inline unsigned block_index() { return blockIdx.x; }
inline unsigned thread_index() { return threadIdx.x; }

}  // namespace convtune::cuda

#else

#include <cmath>

#define CONVTUNE_UNROLL

namespace convtune::cuda {

/// Where the emulated thread stands in its grid.
struct HostThread {
  unsigned block = 0;
  unsigned thread = 0;
};
inline thread_local HostThread host_thread;

inline unsigned block_index() { return host_thread.block; }
inline unsigned thread_index() { return host_thread.thread; }

}  // namespace convtune::cuda

#endif
