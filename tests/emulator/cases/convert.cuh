#pragma once

#include "kernels/cuda/device/convert.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// in: two floats for each of 64 threads. out, by thread: both as 16-bit elements in a word, the
/// second rounded alone, then all three as floats again.
template <DType dtype>
void convert_case(const CaseArgs& args) {
  using T = Element<dtype>;
  const unsigned thread = thread_index();
  const float values[2] = {__builtin_bit_cast(float, args.in[2 * thread]),
                           __builtin_bit_cast(float, args.in[2 * thread + 1])};
  const Vector<T, 2> pair = rounded<T>(values);
  const Vector<float, 2> back = widened(pair);
  const T single = from_float<T>(values[1]);
  unsigned* const out = args.out + 5 * thread;
  out[0] = __builtin_bit_cast(unsigned, pair);
  out[1] = single.bits;
  out[2] = __builtin_bit_cast(unsigned, back.at[0]);
  out[3] = __builtin_bit_cast(unsigned, back.at[1]);
  out[4] = __builtin_bit_cast(unsigned, to_float(single));
}

}  // namespace convtune::cuda
