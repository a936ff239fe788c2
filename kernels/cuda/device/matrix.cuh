#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "kernels/enums.hpp"

// Matrix products of a warp. Its lanes hold fragments of the operands, laid out as NVIDIA's PTX
// documentation has it under "Matrix Fragments for mma.m16n8k16" and "mma.m16n8k8":
//
//   lane = 4 * group + t        16-bit types, 2 a register        float32, as TF32
//   A, 16 x depth   a[i]        row group + i%2*8,                row group + i%2*8,
//                               columns 2t, 2t+1, + i/2*8         column t + i/2*4
//   B, depth x 8    b[i]        rows 2t, 2t+1, + i*8,             row t + i*4,
//                               column group                      column group
//   D, 16 x 8       d[i]        row group + i/2*8, column 2t + i%2

namespace convtune::cuda {

/// Columns of A and rows of B that one mma multiplies.
constexpr int mma_depth(DType dtype) { return dtype == DType::float32 ? 8 : 16; }

#if !defined(__CUDACC_RTC__)

template <int count, bool transposed = false>
void load_matrix(unsigned (&matrices)[count], unsigned row, Location at = Location::current()) {
  emulator::load_matrix(matrices, count, transposed, row, at);
}
template <DType dtype>
void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
         Location at = Location::current()) {
  emulator::multiply_matrices(dtype, d, a, b, at);
}

#else

/// Loads 1, 2 or 4 8x8 matrices of 16-bit elements from shared memory: register i of lane 4g + t
/// gets elements (g, 2t) and (g, 2t+1) of matrix i, or (2t, g) and (2t+1, g) if transposed. Lane l
/// names the address of row l % 8 of matrix l / 8, 16 bytes, aligned.
template <int count, bool transposed = false>
void load_matrix(unsigned (&matrices)[count], unsigned row) {
  static_assert(count == 1 || count == 2 || count == 4);
  unsigned(&m)[count] = matrices;
  if constexpr (count == 1 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(m[0])
                 : "r"(row)
                 : "memory");
  else if constexpr (count == 1)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(m[0])
                 : "r"(row)
                 : "memory");
  else if constexpr (count == 2 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(m[0]), "=r"(m[1])
                 : "r"(row)
                 : "memory");
  else if constexpr (count == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(m[0]), "=r"(m[1])
                 : "r"(row)
                 : "memory");
  else if constexpr (!transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                 : "r"(row)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                 : "r"(row)
                 : "memory");
}

#define CONVTUNE_MMA(instruction)                                                 \
  asm volatile("mma.sync.aligned." instruction                                    \
               " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                   \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

/// d += a * b with float32 sums. float32 elements are taken as TF32, which needs sm_80, as bfloat16
/// does.
template <DType dtype>
void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  if constexpr (dtype == DType::float16)
    CONVTUNE_MMA("m16n8k16.row.col.f32.f16.f16.f32");
  else if constexpr (dtype == DType::bfloat16)
    CONVTUNE_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
  else
    CONVTUNE_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
#else
  static_assert(dtype == DType::float16, "before sm_80 tensor cores multiply float16 alone");
  CONVTUNE_UNROLL
  for (int half = 0; half < 2; ++half)
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}

#undef CONVTUNE_MMA

#endif

}  // namespace convtune::cuda
