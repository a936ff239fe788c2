#pragma once

#include "kernels/cuda/device/platform.cuh"

// Barriers in shared memory (sm_90 and later), named by shared addresses, 8 bytes each. A phase of
// one ends when as many arrivals as it was made for, and all bytes that were announced, have come.
// Phases have parity 0, 1, 0, ...

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

inline void mbarrier_init(unsigned barrier, int arrivals) {
  emulator::init_mbarrier(barrier, static_cast<unsigned>(arrivals));
}
inline void mbarrier_init_fence() { emulator::fence_mbarrier_init(); }
inline void mbarrier_arrive(unsigned barrier) { emulator::arrive_at_mbarrier(barrier, 0); }
inline void mbarrier_arrive_expect(unsigned barrier, int bytes) {
  emulator::arrive_at_mbarrier(barrier, static_cast<unsigned>(bytes));
}
inline void mbarrier_wait(unsigned barrier, int parity, Location at = Location::current()) {
  emulator::wait_for_mbarrier(barrier, static_cast<unsigned>(parity), at);
}
inline void cluster_mbarrier_arrive(unsigned cluster_address) {
  emulator::arrive_at_cluster_mbarrier(cluster_address);
}
inline void cluster_mbarrier_wait(unsigned barrier, int parity, Location at = Location::current()) {
  emulator::wait_for_cluster_mbarrier(barrier, static_cast<unsigned>(parity), at);
}
inline void async_proxy_fence() { emulator::fence_async_proxy(); }

#elif __CUDA_ARCH__ >= 900

/// One thread makes the barrier, then fences; a block barrier lets the others know.
inline void mbarrier_init(unsigned barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
/// Lets the copy engine see the barriers that this thread made.
inline void mbarrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

inline void mbarrier_arrive(unsigned barrier) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared::cta.b64 state, [%0];\n}" ::"r"(barrier)
               : "memory");
}
/// Arrives and announces `bytes` that copies will bring within this phase.
inline void mbarrier_arrive_expect(unsigned barrier, int bytes) {
  asm volatile(
      "{\n.reg .b64 state;\nmbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1;\n}" ::"r"(
          barrier),
      "r"(bytes)
      : "memory");
}

/// Waits until the phase of this parity has ended. On a new barrier the phase before the first, of
/// parity 1, counts as ended.
inline void mbarrier_wait(unsigned barrier, int parity) {
  unsigned done = 0;
  while (done == 0)
    asm volatile(
        "{\n.reg .pred ended;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 ended, [%1], %2;\n"
        "selp.u32 %0, 1, 0, ended;\n}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
}

/// Arrives at a barrier of any block of the cluster, named by cluster_address (cluster.cuh).
inline void cluster_mbarrier_arrive(unsigned cluster_address) {
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(cluster_address)
               : "memory");
}
/// Waits likewise at one of the own block's where other blocks arrive, or bring bytes.
inline void cluster_mbarrier_wait(unsigned barrier, int parity) {
  unsigned done = 0;
  while (done == 0)
    asm volatile(
        "{\n.reg .pred ended;\n"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 ended, [%1], %2;\n"
        "selp.u32 %0, 1, 0, ended;\n}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
}

/// Lets the asynchronous proxy (the copy engine, wgmma) see what this thread wrote to shared
/// memory.
inline void async_proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#endif

}  // namespace convtune::cuda
