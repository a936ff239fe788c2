#pragma once

#include "kernels/cuda/device/registers.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// Two warpgroups take the registers that the third gives. out, by thread: in plus the number of
/// its warpgroup.
inline void registers_case(const CaseArgs& args) {
  const unsigned thread = thread_index();
  if (thread / 128 == 2)
    give_registers<40>();
  else
    take_registers<232>();
  args.out[thread] = args.in[thread] + thread / 128;
}

}  // namespace convtune::cuda
