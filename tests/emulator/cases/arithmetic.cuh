#pragma once

#include "kernels/cuda/device/activation.cuh"
#include "kernels/cuda/device/arithmetic.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// in: three floats for each of 64 threads. out, by thread: the first times the second plus the
/// third.
inline void multiply_add_case(const CaseArgs& args) {
  const unsigned thread = thread_index();
  float value[3];
  for (unsigned i = 0; i < 3; ++i) value[i] = __builtin_bit_cast(float, args.in[3 * thread + i]);
  const float sum = multiply_add(value[0], value[1], value[2]);
  args.out[thread] = __builtin_bit_cast(unsigned, sum);
}

/// in: a float for each of 64 threads. out, by thread: it activated.
template <Activation activation>
void activation_case(const CaseArgs& args) {
  const unsigned thread = thread_index();
  const float value = activate<activation>(__builtin_bit_cast(float, args.in[thread]));
  args.out[thread] = __builtin_bit_cast(unsigned, value);
}

}  // namespace convtune::cuda
