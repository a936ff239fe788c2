#include "tests/kernels/cuda/direct_kernels.hpp"

#include "kernels/cuda/direct.cuh"

namespace convtune {
namespace {

using cuda::DirectConfig;
using enum DType;
using enum Layout;

template <DirectConfig config>
constexpr HostKernel<DirectConfig> built() {
  return {config, cuda::conv1d_direct<config>};
}

// dtype, layout, activation, tile_l, tile_c, threads, block_c, vec_x, vec_y, taps, index_bits
constexpr HostKernel<DirectConfig> kernels[] = {
    built<DirectConfig{float32, NLC, Activation::none, 1, 1, 128, 1, 1, 1, 0, 32}>(),
    built<DirectConfig{float32, NLC, Activation::none, 1, 1, 256, 1, 1, 1, 0, 32}>(),
    built<DirectConfig{float32, NLC, Activation::none, 1, 1, 128, 1, 1, 1, 3, 32}>(),
    built<DirectConfig{float32, NLC, Activation::none, 1, 1, 256, 1, 1, 1, 3, 32}>(),
    built<DirectConfig{float32, NLC, Activation::relu, 4, 4, 256, 4, 4, 4, 3, 32}>(),
    built<DirectConfig{float32, NLC, Activation::none, 8, 8, 128, 32, 1, 4, 0, 64}>(),
    built<DirectConfig{float32, NLC, Activation::gelu, 8, 4, 128, 32, 2, 1, 0, 32}>(),
    built<DirectConfig{float32, NCL, Activation::none, 1, 1, 128, 1, 1, 1, 0, 32}>(),
    built<DirectConfig{float32, NCL, Activation::relu, 4, 8, 128, 4, 1, 4, 3, 32}>(),
    built<DirectConfig{float32, NCL, Activation::none, 8, 4, 256, 32, 4, 4, 1, 32}>(),
    built<DirectConfig{float32, NCL, Activation::tanh, 8, 8, 128, 4, 2, 2, 0, 64}>(),
    built<DirectConfig{float32, NCL, Activation::gelu_tanh, 4, 1, 128, 1, 4, 1, 0, 32}>(),
    built<DirectConfig{float16, NLC, Activation::silu, 1, 8, 128, 32, 8, 8, 0, 32}>(),
    built<DirectConfig{float16, NLC, Activation::none, 4, 1, 256, 1, 1, 1, 3, 32}>(),
    built<DirectConfig{float16, NLC, Activation::relu, 8, 4, 128, 4, 2, 2, 0, 64}>(),
    built<DirectConfig{float16, NCL, Activation::none, 8, 1, 128, 4, 8, 8, 1, 32}>(),
    built<DirectConfig{float16, NCL, Activation::relu, 1, 4, 256, 32, 1, 1, 0, 32}>(),
    built<DirectConfig{float16, NCL, Activation::gelu, 4, 8, 128, 1, 1, 4, 3, 64}>(),
    built<DirectConfig{bfloat16, NLC, Activation::none, 8, 8, 128, 4, 4, 4, 0, 32}>(),
    built<DirectConfig{bfloat16, NLC, Activation::relu, 4, 4, 256, 32, 8, 1, 0, 32}>(),
    built<DirectConfig{bfloat16, NLC, Activation::tanh, 1, 1, 128, 1, 1, 1, 1, 32}>(),
    built<DirectConfig{bfloat16, NCL, Activation::none, 4, 4, 128, 32, 4, 4, 0, 32}>(),
    built<DirectConfig{bfloat16, NCL, Activation::silu, 8, 8, 256, 1, 1, 8, 3, 32}>(),
    built<DirectConfig{bfloat16, NCL, Activation::relu, 1, 1, 128, 4, 1, 1, 0, 64}>(),
};

}  // namespace

std::span<const HostKernel<DirectConfig>> direct_kernels() { return kernels; }

}  // namespace convtune
