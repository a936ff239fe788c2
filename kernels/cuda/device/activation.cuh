#pragma once

#include "kernels/cuda/device/platform.cuh"
#include "kernels/enums.hpp"

namespace convtune::cuda {

/// act(value) in float32. GELU uses erfc, which keeps its digits where 1 + erf would cancel.
template <Activation activation>
float activate(float value) {
  if constexpr (activation == Activation::relu) {
    return value < 0 ? 0 : value;
  } else if constexpr (activation == Activation::gelu) {
    constexpr float sqrt_half = 0.70710678118654752f;
    return 0.5f * value * erfcf(-value * sqrt_half);
  } else if constexpr (activation == Activation::gelu_tanh) {
    constexpr float sqrt_two_over_pi = 0.79788456080286536f;
    const float inner = sqrt_two_over_pi * fmaf(0.044715f * value * value, value, value);
    return 0.5f * value * (1 + tanhf(inner));
  } else if constexpr (activation == Activation::silu) {
    return value / (1 + expf(-value));
  } else if constexpr (activation == Activation::tanh) {
    return tanhf(value);
  } else {
    return value;
  }
}

}  // namespace convtune::cuda
