#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/copy_async.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// A pipeline of three stages over eight steps of 128 words, which 32 threads copy 16, 8 and 4
/// bytes at a time; every third step lies outside. out = in, with zeros for those steps, each step
/// reversed.
inline void copy_async_case(const CaseArgs& args) {
  constexpr int stages = 3, steps = 8, words = 128;
  auto* tile = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned thread = thread_index();
  const auto start = [&](int step) {
    if (step < steps) {
      const unsigned* from = args.in + step * words;
      const unsigned to = shared_address(tile + step % stages * words);
      const bool inside = step % 3 != 2;
      if (thread < 16) copy_async<16>(to + 16 * thread, from + 4 * thread, inside);
      copy_async<4>(to + 4 * (64 + thread), from + 64 + thread, inside);
      if (thread < 16) copy_async<8>(to + 4 * 96 + 8 * thread, from + 96 + 2 * thread, inside);
    }
    copy_async_commit();
  };
  for (int step = 0; step < stages - 1; ++step) start(step);
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<stages - 2>();
    block_barrier();
    start(step + stages - 1);
    for (unsigned i = thread; i < words; i += 32)
      args.out[step * words + i] = tile[step % stages * words + words - 1 - i];
  }
}

}  // namespace convtune::cuda
