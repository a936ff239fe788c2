#pragma once

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/matrix.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "tests/emulator/cases/case_args.hpp"

namespace convtune::cuda {

/// in: four 8x8 matrices of 16 bits. out, by lane: registers of an x4 load, of an x2 and of an x1.
template <bool transposed>
void load_matrix_case(const CaseArgs& args) {
  auto* tile = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned lane = thread_index();
  for (unsigned i = lane; i < 128; i += 32) tile[i] = args.in[i];
  block_barrier();
  const unsigned row = shared_address(tile + 4 * lane);
  unsigned four[4], two[2], one[1];
  load_matrix<4, transposed>(four, row);
  load_matrix<2, transposed>(two, row);
  load_matrix<1, transposed>(one, row);
  for (int i = 0; i < 4; ++i) args.out[lane * 7 + i] = four[i];
  for (int i = 0; i < 2; ++i) args.out[lane * 7 + 4 + i] = two[i];
  args.out[lane * 7 + 6] = one[0];
}

/// in: by lane, four registers of A, two of B and four of D. out: D, by lane.
template <DType dtype>
void mma_case(const CaseArgs& args) {
  const unsigned lane = thread_index();
  unsigned a[4], b[2];
  float d[4];
  for (int i = 0; i < 4; ++i) a[i] = args.in[lane * 10 + i];
  for (int i = 0; i < 2; ++i) b[i] = args.in[lane * 10 + 4 + i];
  for (int i = 0; i < 4; ++i) d[i] = __builtin_bit_cast(float, args.in[lane * 10 + 6 + i]);
  mma<dtype>(d, a, b);
  for (int i = 0; i < 4; ++i) args.out[lane * 4 + i] = __builtin_bit_cast(unsigned, d[i]);
}

}  // namespace convtune::cuda
