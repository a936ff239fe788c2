#pragma once

#include "kernels/cuda/device/platform.cuh"

namespace convtune::cuda {

/// a * b + c, rounded once: what the flops of a family's cost are made of.
inline float multiply_add(float a, float b, float c) {
#if !defined(__CUDACC_RTC__)
  ++emulator::counts.multiply_adds;
#endif
  return fmaf(a, b, c);
}

}  // namespace convtune::cuda
