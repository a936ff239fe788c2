#pragma once

#include "kernels/cuda/tensor_map.hpp"

// Seen by host and device: no standard header.

namespace convtune::cuda {

/// The order of an operand of wgmma in shared memory. In chunks of 16 bytes, and with rows the
/// operand's rows (M or N), a tile of `width` = swizzle_bytes(swizzle) holds
///
///   k:  8 rows of `width` bytes each, the depth contiguous. stride_bytes lie between 8 rows and
///   the
///       next 8. Without a swizzle the rows are 16 bytes, and leading_bytes lie between the first
///       chunks of 8 rows and their second; with one leading_bytes mean nothing.
///   mn: 8 steps of the depth of `width` bytes each, the rows contiguous; 16-bit types only. With a
///       swizzle leading_bytes lie between the first width/2 rows and the next, and stride_bytes
///       between 8 steps of the depth and the next 8; without one it is the other way round.
enum class Major { k, mn };

/// The 64 bits that tell wgmma of an operand; see "Matrix Descriptor Format" under wgmma in
/// NVIDIA's PTX documentation. Address and distances are multiples of 16 bytes below 2^18, and the
/// pattern of the swizzle starts where the address has no bits below its size.
constexpr unsigned long long matrix_descriptor(unsigned address, int leading_bytes,
                                               int stride_bytes, Swizzle swizzle) {
  const auto field = [](unsigned bytes) -> unsigned long long { return (bytes & 0x3ffffU) >> 4; };
  const unsigned long long mode = (4 - static_cast<unsigned>(swizzle)) & 3;  // 0, or 3 to 1
  return field(address) | field(static_cast<unsigned>(leading_bytes)) << 16 |
         field(static_cast<unsigned>(stride_bytes)) << 32 | mode << 62;
}

}  // namespace convtune::cuda
