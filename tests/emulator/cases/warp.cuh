#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/shuffle.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// in: a value and a lane for each of 64 threads. out, by thread: shuffle from that lane,
/// shuffle_xor by 5, shuffle_down by 3.
inline void shuffle_case(const CaseArgs& args) {
  const unsigned thread = thread_index();
  const unsigned value = args.in[2 * thread];
  args.out[3 * thread] = shuffle(value, static_cast<int>(args.in[2 * thread + 1]));
  args.out[3 * thread + 1] = shuffle_xor(value, 5);
  args.out[3 * thread + 2] = shuffle_down(value, 3);
}

/// Reverses 128 values through shared memory, four at a time, then one at a time, and hands the
/// result through the warp's own part: out = in.
inline void shared_case(const CaseArgs& args) {
  auto* tile = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned thread = thread_index();
  if (thread < 32) {
    Vector<unsigned, 4> four;
    for (unsigned i = 0; i < 4; ++i) four.at[i] = args.in[127 - (4 * thread + i)];
    store_shared(tile + 4 * thread, four);
  }
  block_barrier();
  const unsigned value = tile[127 - thread];
  block_barrier();
  tile[thread ^ 1] = value;
  warp_barrier();
  const Vector<unsigned, 2> two = load_shared<2>(tile + (thread & ~1U));
  args.out[thread] = two.at[1 - thread % 2];
}

/// Warps 0 and 1 hand 32 values each to warps 2 and 3 through shared memory by named barriers, four
/// times over, without ever waiting for the two others of the block: out[round*64 + i] =
/// in[round*64 + 63 - i] + 1.
inline void named_barrier_case(const CaseArgs& args) {
  auto* slot = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned thread = thread_index();
  const unsigned i = thread % 64;
  for (unsigned round = 0; round < 4; ++round) {
    if (thread < 64) {
      if (round > 0) named_barrier_wait(2, 128);
      slot[i] = args.in[round * 64 + i];
      named_barrier_arrive(1, 128);
    } else if (thread < 128) {
      named_barrier_wait(1, 128);
      args.out[round * 64 + i] = slot[63 - i] + 1;
      if (round < 3) named_barrier_arrive(2, 128);
    }
  }
}

}  // namespace convtune::cuda
