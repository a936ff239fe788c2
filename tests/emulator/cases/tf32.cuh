#pragma once

#include "kernels/cuda/device/tf32.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// in: a float for each of 64 threads. out, by thread: it as TF32, and the small part of its split.
inline void tf32_case(const CaseArgs& args) {
  const unsigned thread = thread_index();
  const SplitTf32 split = split_tf32(__builtin_bit_cast(float, args.in[thread]));
  args.out[2 * thread] = split.big;
  args.out[2 * thread + 1] = split.small;
}

}  // namespace convtune::cuda
