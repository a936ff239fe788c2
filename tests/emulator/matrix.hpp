#pragma once

#include "kernels/enums.hpp"

// How tensor cores hold matrices in the registers of a warp, after "Matrix Fragments for mma" and
// "Register Fragments for wgmma" of NVIDIA's PTX documentation, and what they compute.

namespace convtune::emulator {

/// Columns of A that one instruction multiplies. float32 stands for TF32.
constexpr unsigned depth(DType dtype) { return dtype == DType::float32 ? 8 : 16; }

/// The element of a matrix in shared memory or in a register. TF32 ignores the lowest 13 bits.
float matrix_element(DType dtype, const void* at);

struct Place {
  unsigned row;
  unsigned column;
};
/// Where element `i` of a lane's fragment of A lies, the 16 rows x depth of a warp: i counts
/// elements from the lowest bits of register 0, two a register for 16-bit types.
Place place_in_a(DType dtype, unsigned lane, unsigned i);
/// Likewise B, depth rows x 8 columns.
Place place_in_b(DType dtype, unsigned lane, unsigned i);
/// Register `i` of a lane's sums: 16 rows and 2 columns a register pair, 8 columns every 4
/// registers.
Place place_in_d(unsigned lane, unsigned i);

/// d[m][n] += a[m][k] * b[k][n], row by row.
void multiply_add_matrices(unsigned m, unsigned n, unsigned k, const float* a, const float* b,
                           float* d);

}  // namespace convtune::emulator
