#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "kernels/enums.hpp"

#if !defined(__CUDACC_RTC__)
#include "kernels/dtype.hpp"
#endif

namespace convtune::cuda {

/// Elements as they lie in memory. Arithmetic is float32 throughout.
struct Float16 {
  unsigned short bits;
};
struct BFloat16 {
  unsigned short bits;
};

template <DType dtype>
struct ElementOf {
  using Type = float;
};
template <>
struct ElementOf<DType::float16> {
  using Type = Float16;
};
template <>
struct ElementOf<DType::bfloat16> {
  using Type = BFloat16;
};
template <DType dtype>
using Element = typename ElementOf<dtype>::Type;

inline float to_float(float value) { return value; }
inline float to_float(BFloat16 value) {
  return __builtin_bit_cast(float, static_cast<unsigned>(value.bits) << 16);
}

/// from_float<T>: rounds to nearest, ties to even; overflow gives infinity, NaN stays a NaN.
template <class T>
T from_float(float value);
template <>
inline float from_float<float>(float value) {
  return value;
}

#if defined(__CUDACC_RTC__)

inline float to_float(Float16 value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}

template <>
inline Float16 from_float<Float16>(float value) {
  Float16 result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

template <>
inline BFloat16 from_float<BFloat16>(float value) {
  BFloat16 result;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
  // Turing has no such conversion: round in integers, with NaN apart lest it carry into infinity.
  const unsigned bits = __builtin_bit_cast(unsigned, value);
  const unsigned rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  result.bits = static_cast<unsigned short>(value == value ? rounded : 0x7fffu);
#endif
  return result;
}

#else

inline float to_float(Float16 value) { return float_from_float16(value.bits); }

template <>
inline Float16 from_float<Float16>(float value) {
  return {float16_from_float(value)};
}

template <>
inline BFloat16 from_float<BFloat16>(float value) {
  return {bfloat16_from_float(value)};
}

#endif

}  // namespace convtune::cuda
