#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// Warp 0 hands 32 words at a time to warp 1 through two slots, seven times: out = in + 1.
inline void mbarrier_case(const CaseArgs& args) {
  constexpr int slots = 2, rounds = 7;
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned full = shared_address(words + 64), empty = full + 8 * slots;
  const unsigned thread = thread_index(), lane = thread % 32;
  if (thread == 0) {
    for (int i = 0; i < slots; ++i) {
      mbarrier_init(full + 8 * i, 32);
      mbarrier_init(empty + 8 * i, 32);
    }
    mbarrier_init_fence();
  }
  block_barrier();
  for (int round = 0; round < rounds; ++round) {
    const int slot = round % slots, parity = round / slots % 2;
    unsigned* word = words + 32 * slot + lane;
    if (thread < 32) {
      mbarrier_wait(empty + 8 * slot, parity ^ 1);
      *word = args.in[32 * round + lane];
      mbarrier_arrive(full + 8 * slot);
    } else {
      mbarrier_wait(full + 8 * slot, parity);
      args.out[32 * round + (lane ^ 7)] = words[32 * slot + (lane ^ 7)] + 1;
      mbarrier_arrive(empty + 8 * slot);
    }
  }
}

}  // namespace convtune::cuda
