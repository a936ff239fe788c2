#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/vector.cuh"

// Clusters (sm_90 and later): blocks that run at the same time and reach each other's shared
// memory. No block may end while another may still use its shared memory. See "barrier.cluster",
// "mapa" and "ld.shared::cluster" in NVIDIA's PTX documentation. Kernels for earlier GPUs, too, may
// name these primitives where they use none: what is not called is not assembled.

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

inline unsigned cluster_rank() { return emulator::running.rank; }
inline unsigned cluster_address(unsigned address, unsigned rank) {
  return emulator::cluster_address(address, rank);
}
template <int bytes>
void cluster_load_words(Words<bytes>& words, unsigned address) {
  emulator::load_cluster_shared(&words, address, bytes);
}
inline void cluster_arrive(Location at = Location::current()) { emulator::arrive_at_cluster(at); }
inline void cluster_wait(Location at = Location::current()) { emulator::wait_for_cluster(at); }
inline void cluster_barrier(Location at = Location::current()) {
  warp_barrier(at);
  cluster_arrive(at);
  cluster_wait(at);
}

#else

/// The block's place in its cluster, from 0.
inline unsigned cluster_rank() {
  unsigned rank = 0;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}

/// Names what the block of that rank has at this shared address.
inline unsigned cluster_address(unsigned address, unsigned rank) {
  unsigned mapped = 0;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
  return mapped;
}

inline void cluster_load_words(Words<4>& words, unsigned address) {
  asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(words.at[0]) : "r"(address) : "memory");
}
inline void cluster_load_words(Words<8>& words, unsigned address) {
  asm volatile("ld.shared::cluster.v2.u32 {%0, %1}, [%2];"
               : "=r"(words.at[0]), "=r"(words.at[1])
               : "r"(address)
               : "memory");
}
inline void cluster_load_words(Words<16>& words, unsigned address) {
  asm volatile("ld.shared::cluster.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words.at[0]), "=r"(words.at[1]), "=r"(words.at[2]), "=r"(words.at[3])
               : "r"(address)
               : "memory");
}

/// All threads of the cluster that have not ended arrive, a warp's together, then wait: what each
/// did before it arrived happened before what any does after it waited.
inline void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
inline void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
/// Both, for a warp whose lanes may have gone different ways.
inline void cluster_barrier() {
  warp_barrier();
  cluster_arrive();
  cluster_wait();
}

#endif

/// Reads shared memory of any block of the cluster, named by cluster_address and aligned to the
/// vector.
template <class T, int size>
Vector<T, size> cluster_load(unsigned address) {
  Words<sizeof(T) * size> words;
  cluster_load_words(words, address);
  return __builtin_bit_cast(Vector<T, size>, words);
}

}  // namespace convtune::cuda
