#pragma once

#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/tensor_map.hpp"

// Copies of boxes of a tensor by the copy engine (sm_90 and later). What lies outside the tensor,
// before its start too, arrives as zeros.

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

template <class... Coordinates>
void tma_load(unsigned to, const TensorMap& map, unsigned barrier, Coordinates... at) {
  static_assert(sizeof...(at) >= 3 && sizeof...(at) <= 5);
  const int coordinates[] = {at...};
  emulator::load_tile(to, &map, barrier, sizeof...(at), coordinates);
}

template <class... Coordinates>
void tma_multicast(unsigned to, const TensorMap& map, unsigned barrier, unsigned short blocks,
                   Coordinates... at) {
  static_assert(sizeof...(at) == 3);
  const int coordinates[] = {at...};
  emulator::load_tile_to_blocks(to, &map, barrier, blocks, sizeof...(at), coordinates);
}

#elif __CUDA_ARCH__ >= 900

/// One thread starts to copy the box at these coordinates, dimension 0 first, to shared address
/// `to`, aligned to the swizzle's 8 rows, or 128 bytes. `barrier` counts the bytes of the whole
/// box.
inline void tma_load(unsigned to, const TensorMap& map, unsigned barrier, int c0, int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}
inline void tma_load(unsigned to, const TensorMap& map, unsigned barrier, int c0, int c1, int c2,
                     int c3) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
      : "memory");
}
inline void tma_load(unsigned to, const TensorMap& map, unsigned barrier, int c0, int c1, int c2,
                     int c3, int c4) {
  asm volatile(
      "cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5, %6, %7}], [%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
      : "memory");
}

/// Likewise, read once and copied to all blocks of the cluster whose rank's bit is set in `blocks`:
/// each finds the box at its own `to`, and its bytes at its own `barrier`.
inline void tma_multicast(unsigned to, const TensorMap& map, unsigned barrier,
                          unsigned short blocks, int c0, int c1, int c2) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      ".multicast::cluster [%0], [%1, {%4, %5, %6}], [%2], %3;" ::"r"(to),
      "l"(&map), "r"(barrier), "h"(blocks), "r"(c0), "r"(c1), "r"(c2)
      : "memory");
}

#endif

}  // namespace convtune::cuda
