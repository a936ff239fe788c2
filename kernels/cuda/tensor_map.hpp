#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/enums.hpp"

// Seen by host and device: no standard header.

namespace convtune::cuda {

/// How the 16-byte chunks of a tile lie in shared memory: bits 4 and up of an address are xored
/// with as many bits from bit 7 on, so that a column of chunks spreads over the banks. The pattern
/// repeats every 8 rows of 32, 64 or 128 bytes.
enum class Swizzle { none, bytes_32, bytes_64, bytes_128 };

/// Bytes of a swizzled row; 16 without a swizzle.
constexpr int swizzle_bytes(Swizzle swizzle) { return 16 << static_cast<int>(swizzle); }

constexpr unsigned swizzled(unsigned address, Swizzle swizzle) {
  const unsigned mask = static_cast<unsigned>(swizzle_bytes(swizzle)) - 16;
  return address ^ (address >> 3 & mask);
}

/// A tensor in global memory as the copy engine of sm_90 sees it: opaque, made by the driver,
/// passed as part of a kernel's __grid_constant__ parameter.
struct alignas(64) TensorMap {
  unsigned long long opaque[16] = {};
};

constexpr int most_dimensions = 5;

/// What a TensorMap is made from. Dimension 0 is the one that is contiguous.
struct TensorMapArgs {
  DType dtype = DType::float32;
  int rank = 0;
  const void* data = nullptr;
  Int64 size[most_dimensions] = {};             ///< elements
  Int64 stride[most_dimensions] = {};           ///< bytes; that of dimension 0 is not looked at
  int box[most_dimensions] = {};                ///< elements that a copy spans
  int step[most_dimensions] = {1, 1, 1, 1, 1};  ///< every how manieth of them it takes
  Swizzle swizzle = Swizzle::none;
};

/// Elements that a copy takes along dimension `d`.
constexpr int box_elements(const TensorMapArgs& a, int d) {
  const int step = d == 0 ? 1 : a.step[d];
  return (a.box[d] + step - 1) / step;
}

/// Bytes that a copy writes to shared memory, zeros outside the tensor included.
constexpr Int64 box_bytes(const TensorMapArgs& a) {
  Int64 bytes = a.dtype == DType::float32 ? 4 : 2;
  for (int d = 0; d < a.rank; ++d) bytes *= box_elements(a, d);
  return bytes;
}

/// The tensors that a kernel loads by the copy engine: its second parameter, and what that is made
/// from.
struct TensorMaps {
  TensorMap x;
  TensorMap weights;
};
struct TensorMapsArgs {
  TensorMapArgs x;
  TensorMapArgs weights;
};

/// Why the driver would refuse to make a TensorMap of `args`, in a sentence, or null.
const char* broken_rule(const TensorMapArgs& args);

}  // namespace convtune::cuda
