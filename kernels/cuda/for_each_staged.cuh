#pragma once

#include "kernels/cuda/device/platform.cuh"

namespace convtune::cuda {

/// For every pair below the limits calls load(start(fast), slow), and later store with what that
/// gave. `lanes` of the block's `threads` lie side by side along `fast`. A thread loads 32 bytes
/// before it stores.
template <int threads, class Loaded, class Start, class Load, class Store>
void for_each_staged(int fast, int lanes, int slow, const Start& start, const Load& load,
                     const Store& store) {
  constexpr int at_once = 32 / static_cast<int>(sizeof(Loaded));
  const auto thread = static_cast<int>(thread_index());
  const int apart = threads / lanes;
  for (int f = thread & (lanes - 1); f < fast; f += lanes) {
    const auto begun = start(f);
    for (int s = thread / lanes; s < slow; s += at_once * apart) {
      Loaded loaded[at_once] = {};
      CONVTUNE_UNROLL
      for (int i = 0; i < at_once; ++i) {
        if (s + i * apart < slow) loaded[i] = load(begun, s + i * apart);
      }
      CONVTUNE_UNROLL
      for (int i = 0; i < at_once; ++i) {
        if (s + i * apart < slow) store(begun, s + i * apart, loaded[i]);
      }
    }
  }
}

}  // namespace convtune::cuda
