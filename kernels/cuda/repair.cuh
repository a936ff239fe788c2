#pragma once

#include "kernels/cuda/device/platform.cuh"

namespace convtune::cuda {

/// Where zeros among the packed weights meet elements of x that an output does not read, those that
/// are infinite or NaN make its sum NaN. Of `count` sums, which for_each(visit) shows as
/// visit(sum, i), this replaces those that are NaN by again(i). Registers have no run-time index:
/// each sum waits for its turn.
template <int count, class ForEach, class Again>
void repair(const ForEach& for_each, const Again& again) {
  bool found = false;
  for_each([&found](float& sum, int) { found = found || sum != sum; });
  if (!found) return;
  CONVTUNE_KEEP_LOOP
  for (int turn = 0; turn < count; ++turn) {
    const float sum = again(turn);
    for_each([turn, sum](float& old, int i) {
      if (i == turn && old != old) old = sum;
    });
  }
}

}  // namespace convtune::cuda
