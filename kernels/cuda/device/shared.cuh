#pragma once

#include "kernels/cuda/device/vector.cuh"

// A block's shared memory. Kernels use it through plain pointers, too; neighbours that move as one
// vector go through load_shared and store_shared.

namespace convtune::cuda {

#if defined(__CUDACC_RTC__)

/// The dynamic shared memory of the block, aligned to 1,024 bytes, as swizzled tiles want it.
inline char* shared_memory() {
  extern __shared__ __align__(1024) char convtune_shared_memory[];
  return convtune_shared_memory;
}

/// Where `pointer` lies in the window of shared memory: the address that instructions take.
inline unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

template <int bytes>
void load_shared_words(Words<bytes>& words, const void* from) {
  words = *static_cast<const Words<bytes>*>(from);
}
template <int bytes>
void store_shared_words(void* to, const Words<bytes>& words) {
  *static_cast<Words<bytes>*>(to) = words;
}

#else

inline char* shared_memory() { return emulator::shared_memory(); }
inline unsigned shared_address(const void* pointer) { return emulator::shared_address(pointer); }
template <int bytes>
void load_shared_words(Words<bytes>& words, const void* from) {
  emulator::load_shared(&words, from, bytes);
}
template <int bytes>
void store_shared_words(void* to, const Words<bytes>& words) {
  emulator::store_shared(to, &words, bytes);
}

#endif

/// `from` and `to` are aligned to the vector.
template <int size, class T>
Vector<T, size> load_shared(const T* from) {
  Words<sizeof(T) * size> words;
  load_shared_words(words, from);
  return __builtin_bit_cast(Vector<T, size>, words);
}

template <int size, class T>
void store_shared(T* to, const Vector<T, size>& vector) {
  store_shared_words(to, __builtin_bit_cast(Words<sizeof(T) * size>, vector));
}

}  // namespace convtune::cuda
