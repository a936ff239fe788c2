#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/tma.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// in: how many boxes to load, 32-bit words of a box, then the coordinates of each. out: the boxes
/// as they lie in shared memory.
template <int rank>
void tma_case(const CaseArgs& args) {
  const int boxes = static_cast<int>(args.in[0]), words = static_cast<int>(args.in[1]);
  auto* tile = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned to = shared_address(tile), barrier = to + 4 * static_cast<unsigned>(words);
  if (thread_index() == 0) {
    mbarrier_init(barrier, 1);
    mbarrier_init_fence();
  }
  block_barrier();
  for (int i = 0; i < boxes; ++i) {
    const auto at = [&](int d) { return static_cast<int>(args.in[2 + i * rank + d]); };
    if (thread_index() == 0) {
      mbarrier_arrive_expect(barrier, 4 * words);
      if constexpr (rank == 3)
        tma_load(to, args.map, barrier, at(0), at(1), at(2));
      else if constexpr (rank == 4)
        tma_load(to, args.map, barrier, at(0), at(1), at(2), at(3));
      else
        tma_load(to, args.map, barrier, at(0), at(1), at(2), at(3), at(4));
    }
    mbarrier_wait(barrier, i % 2);
    for (int w = static_cast<int>(thread_index()); w < words; w += 32)
      args.out[i * words + w] = tile[w];
    block_barrier();
  }
}

}  // namespace convtune::cuda
