#pragma once

#include "kernels/cuda/device/element.cuh"
#include "kernels/cuda/device/vector.cuh"

namespace convtune::cuda {

// Conversions of whole vectors, two 16-bit elements at a time where that takes fewer instructions.

template <class T>
Vector<float, 2> to_floats(Vector<T, 2> pair) {
  return {{to_float(pair.at[0]), to_float(pair.at[1])}};
}
template <>
inline Vector<float, 2> to_floats<BFloat16>(Vector<BFloat16, 2> pair) {
  const auto word = __builtin_bit_cast(unsigned, pair);
  return {{__builtin_bit_cast(float, word << 16), __builtin_bit_cast(float, word & 0xffff0000U)}};
}

/// Every element by to_float.
template <class T, int count>
Vector<float, count> widened(const Vector<T, count>& vector) {
  Vector<float, count> values;
  if constexpr (sizeof(T) == 2 && count > 1) {
    const auto words = __builtin_bit_cast(Words<sizeof(T) * count>, vector);
    CONVTUNE_UNROLL
    for (int i = 0; i < count; i += 2) {
      const auto pair = to_floats(__builtin_bit_cast(Vector<T, 2>, words.at[i / 2]));
      values.at[i] = pair.at[0];
      values.at[i + 1] = pair.at[1];
    }
  } else {
    CONVTUNE_UNROLL
    for (int i = 0; i < count; ++i) values.at[i] = to_float(vector.at[i]);
  }
  return values;
}

/// `count` elements, widened; their address is aligned to all of them, or to 16 bytes.
template <int count, class T>
void load_floats(const T* from, float (&values)[count]) {
  constexpr int widest = 16 / static_cast<int>(sizeof(T));
  constexpr int vec = count < widest ? count : widest;
  CONVTUNE_UNROLL
  for (int i = 0; i < count; i += vec) {
    const Vector<float, vec> vector = widened(load<vec>(from + i));
    CONVTUNE_UNROLL
    for (int j = 0; j < vec; ++j) values[i + j] = vector.at[j];
  }
}

template <class T>
Vector<T, 2> from_floats(float first, float second) {
  return {{from_float<T>(first), from_float<T>(second)}};
}

#if defined(__CUDACC_RTC__) && __CUDA_ARCH__ >= 800

template <>
inline Vector<Float16, 2> from_floats<Float16>(float first, float second) {
  unsigned pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return __builtin_bit_cast(Vector<Float16, 2>, pair);
}

template <>
inline Vector<BFloat16, 2> from_floats<BFloat16>(float first, float second) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return __builtin_bit_cast(Vector<BFloat16, 2>, pair);
}

#endif

/// Every value by from_float.
template <class T, int count>
Vector<T, count> rounded(const float (&values)[count]) {
  Vector<T, count> vector;
  if constexpr (count == 1) {
    vector.at[0] = from_float<T>(values[0]);
  } else {
    CONVTUNE_UNROLL
    for (int i = 0; i < count; i += 2) {
      const Vector<T, 2> pair = from_floats<T>(values[i], values[i + 1]);
      vector.at[i] = pair.at[0];
      vector.at[i + 1] = pair.at[1];
    }
  }
  return vector;
}

}  // namespace convtune::cuda
