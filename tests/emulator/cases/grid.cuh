#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// out, by block: its index and the number of blocks.
inline void grid_case(const CaseArgs& args) {
  if (thread_index() != 0) return;
  args.out[2 * block_index()] = block_index();
  args.out[2 * block_index() + 1] = block_count();
}

}  // namespace convtune::cuda
