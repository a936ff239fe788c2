#pragma once

#include "kernels/cuda/device/platform.cuh"

// TF32: float32 with 10 bits of mantissa, which tensor cores multiply (sm_80 and later).

namespace convtune::cuda {

#if !defined(__CUDACC_RTC__)

inline unsigned to_tf32(float value) {
  const auto bits = __builtin_bit_cast(unsigned, value);
  if (value != value) return 0x7fffffff;
  if ((bits & 0x7f800000U) == 0x7f800000U) return bits;
  return (bits + 0x1000U) & 0xffffe000U;
}

#elif __CUDA_ARCH__ >= 800

/// Rounds to nearest, ties away from zero. The result's bits are those of a float32.
inline unsigned to_tf32(float value) {
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

#endif

#if !defined(__CUDACC_RTC__) || __CUDA_ARCH__ >= 800

/// value as the sum of two TF32 numbers, of which three products (all but small * small) give a
/// product nearly as exact as float32's.
struct SplitTf32 {
  unsigned big;
  unsigned small;
};
inline SplitTf32 split_tf32(float value) {
  const unsigned big = to_tf32(value);
  return {big, to_tf32(value - __builtin_bit_cast(float, big))};
}

#endif

}  // namespace convtune::cuda
