#pragma once

#include "kernels/cuda/device/platform.cuh"

namespace convtune::cuda {

/// `size` neighbouring elements that move in one access of at most 16 bytes.
template <class T, int size>
struct alignas(sizeof(T) * size) Vector {
  T at[size];
};

/// Memory words of one access: unsigned short, or one, two or four 32-bit words.
template <int bytes>
struct alignas(bytes) Words {
  unsigned at[bytes / 4];
};
template <>
struct Words<2> {
  unsigned short at[1];
};

#if defined(__CUDACC_RTC__)

inline void load_words(Words<2>& words, const void* from) {
  asm("ld.global.nc.u16 %0, [%1];" : "=h"(words.at[0]) : "l"(from));
}
inline void load_words(Words<4>& words, const void* from) {
  asm("ld.global.nc.u32 %0, [%1];" : "=r"(words.at[0]) : "l"(from));
}
inline void load_words(Words<8>& words, const void* from) {
  asm("ld.global.nc.v2.u32 {%0, %1}, [%2];" : "=r"(words.at[0]), "=r"(words.at[1]) : "l"(from));
}
inline void load_words(Words<16>& words, const void* from) {
  asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(words.at[0]), "=r"(words.at[1]), "=r"(words.at[2]), "=r"(words.at[3])
      : "l"(from));
}

inline void store_words(void* to, const Words<2>& words) {
  asm volatile("st.global.u16 [%0], %1;" ::"l"(to), "h"(words.at[0]) : "memory");
}
inline void store_words(void* to, const Words<4>& words) {
  asm volatile("st.global.u32 [%0], %1;" ::"l"(to), "r"(words.at[0]) : "memory");
}
inline void store_words(void* to, const Words<8>& words) {
  asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(to), "r"(words.at[0]), "r"(words.at[1])
               : "memory");
}
inline void store_words(void* to, const Words<16>& words) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(words.at[0]),
               "r"(words.at[1]), "r"(words.at[2]), "r"(words.at[3])
               : "memory");
}

#else

template <int bytes>
void load_words(Words<bytes>& words, const void* from) {
  emulator::load_global(&words, from, bytes);
}
template <int bytes>
void store_words(void* to, const Words<bytes>& words) {
  emulator::store_global(to, &words, bytes);
}

#endif

/// Reads memory that the kernel never writes; `from` is aligned to the vector.
template <int size, class T>
Vector<T, size> load(const T* from) {
  Words<sizeof(T) * size> words;
  load_words(words, from);
  return __builtin_bit_cast(Vector<T, size>, words);
}

/// Zeros unless `wanted`; then `from` is read.
template <int size, class T>
Vector<T, size> load_if(bool wanted, const T* from) {
  Words<sizeof(T)* size> words = {};
  if (wanted) load_words(words, from);
  return __builtin_bit_cast(Vector<T, size>, words);
}

template <int size, class T>
void store(T* to, const Vector<T, size>& vector) {
  store_words(to, __builtin_bit_cast(Words<sizeof(T) * size>, vector));
}

}  // namespace convtune::cuda
