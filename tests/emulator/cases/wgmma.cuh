#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/mbarrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/wgmma.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// Where an operand lies in shared memory.
struct CaseOperand {
  unsigned offset;
  unsigned leading_bytes;
  unsigned stride_bytes;
  unsigned swizzle;
};

/// in: a CaseOperand each for A and B, the number of 32-bit words of shared memory, for each of 128
/// threads 4 registers of A, and the words. out: each thread's n/2 sums, which start as its number
/// and gain the product twice.
template <DType dtype, int n, Major b_major, Major a_major, bool a_in_registers>
void wgmma_case(const CaseArgs& args) {
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned thread = thread_index();
  const unsigned* registers = args.in + 9 + 4 * thread;
  const unsigned* contents = args.in + 9 + 4 * 128;
  for (unsigned i = thread; i < args.in[8]; i += 128) words[i] = contents[i];
  async_proxy_fence();
  block_barrier();

  const auto descriptor = [&](const unsigned* in) {
    return matrix_descriptor(shared_address(words) + in[0], static_cast<int>(in[1]),
                             static_cast<int>(in[2]), static_cast<Swizzle>(in[3]));
  };
  unsigned a[4] = {registers[0], registers[1], registers[2], registers[3]};
  float sums[n / 2];
  for (int i = 0; i < n / 2; ++i) sums[i] = static_cast<float>(thread);
  wgmma_fence(sums, a);
  for (int i = 0; i < 2; ++i) {
    if constexpr (a_in_registers)
      wgmma<dtype, n, b_major>(sums, a, descriptor(args.in + 4));
    else
      wgmma<dtype, n, b_major, a_major>(sums, descriptor(args.in), descriptor(args.in + 4));
  }
  wgmma_commit();
  wgmma_wait<0>(sums);
  for (int i = 0; i < n / 2; ++i)
    args.out[thread * (n / 2) + i] = __builtin_bit_cast(unsigned, sums[i]);
}

}  // namespace convtune::cuda
