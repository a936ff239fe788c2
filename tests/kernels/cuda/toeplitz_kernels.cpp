#include "tests/kernels/cuda/toeplitz_kernels.hpp"

#include "kernels/cuda/toeplitz.cuh"

namespace convtune {
namespace {

using cuda::ToeplitzConfig;
using enum DType;
using enum Layout;
using enum Math;

template <ToeplitzConfig config>
constexpr HostKernel<ToeplitzConfig> built() {
  return {config, cuda::conv1d_toeplitz<config>};
}

// dtype, math, layout, activation, tile_l, tile_c, step, across, vec_x, vec_y, index_bits
constexpr HostKernel<ToeplitzConfig> kernels[] = {
    built<ToeplitzConfig{float16, ieee, NLC, Activation::none, 256, 16, 1, true, 8, 8}>(),
    built<ToeplitzConfig{float16, ieee, NLC, Activation::gelu, 128, 8, 2, true, 8, 8}>(),
    built<ToeplitzConfig{float16, ieee, NLC, Activation::none, 128, 4, 3, true, 1, 1, 64}>(),
    built<ToeplitzConfig{float16, ieee, NCL, Activation::none, 512, 4, 1, false, 8, 8}>(),
    built<ToeplitzConfig{float16, ieee, NCL, Activation::relu, 128, 8, 1, true, 1, 1}>(),
    built<ToeplitzConfig{float16, ieee, NCL, Activation::none, 256, 4, 2, false, 2, 1}>(),
    built<ToeplitzConfig{bfloat16, ieee, NLC, Activation::none, 128, 64, 1, true, 8, 8}>(),
    built<ToeplitzConfig{bfloat16, ieee, NLC, Activation::silu, 256, 32, 1, true, 2, 4}>(),
    built<ToeplitzConfig{bfloat16, ieee, NLC, Activation::relu, 128, 16, 4, true, 4, 8}>(),
    built<ToeplitzConfig{bfloat16, ieee, NCL, Activation::none, 1024, 4, 1, false, 1, 1}>(),
    built<ToeplitzConfig{bfloat16, ieee, NCL, Activation::none, 256, 16, 1, false, 4, 4}>(),
    built<ToeplitzConfig{bfloat16, ieee, NCL, Activation::tanh, 128, 32, 3, true, 1, 1, 64}>(),
    built<ToeplitzConfig{bfloat16, ieee, NCL, Activation::none, 128, 8, 5, false, 8, 2}>(),
    built<ToeplitzConfig{float32, tf32, NLC, Activation::none, 128, 16, 1, true, 4, 4}>(),
    built<ToeplitzConfig{float32, tf32, NCL, Activation::relu, 256, 8, 2, false, 4, 4, 64}>(),
    built<ToeplitzConfig{float32, tf32x3, NLC, Activation::gelu_tanh, 128, 8, 2, true, 2, 1}>(),
    built<ToeplitzConfig{float32, tf32x3, NCL, Activation::none, 512, 4, 1, false, 1, 2}>(),
    built<ToeplitzConfig{float32, tf32x3, NCL, Activation::none, 128, 4, 1, true, 1, 1}>(),
    built<ToeplitzConfig{float16, ieee, NCL, Activation::silu, 128, 4, 2, true, 1, 1}>(),
    built<ToeplitzConfig{float32, tf32, NCL, Activation::gelu, 128, 4, 1, true, 1, 1}>(),
    built<ToeplitzConfig{float32, tf32x3, NCL, Activation::silu, 128, 8, 2, false, 2, 1}>(),
};

}  // namespace

std::span<const HostKernel<ToeplitzConfig>> toeplitz_kernels() { return kernels; }

}  // namespace convtune
