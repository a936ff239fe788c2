#include "tests/kernels/cuda/halo_kernels.hpp"

#include "kernels/cuda/halo.cuh"

namespace convtune {
namespace {

using cuda::HaloConfig;
using enum DType;
using enum Layout;

template <HaloConfig config>
constexpr HostKernel<HaloConfig> built() {
  return {config, cuda::conv1d_halo<config>};
}

// dtype, layout, activation, tile_l, tile_c, slices, split, vec_x, vec_y, folded, filled,
// index_bits
constexpr HostKernel<HaloConfig> kernels[] = {
    built<HaloConfig{float32, NLC, Activation::none, 32, 8, 1, 1, 4, 4}>(),
    built<HaloConfig{float32, NLC, Activation::relu, 64, 16, 4, 1, 1, 4}>(),
    built<HaloConfig{float32, NLC, Activation::gelu, 32, 1, 1, 4, 2, 1, false, false, 64}>(),
    built<HaloConfig{float32, NLC, Activation::none, 32, 4, 4, 1, 4, 2}>(),
    built<HaloConfig{float32, NCL, Activation::none, 128, 16, 1, 1, 4, 4}>(),
    built<HaloConfig{float32, NCL, Activation::silu, 32, 2, 1, 4, 1, 1}>(),
    built<HaloConfig{float32, NCL, Activation::none, 256, 8, 2, 1, 1, 2, false, false, 64}>(),
    built<HaloConfig{float32, NCL, Activation::relu, 32, 4, 4, 1, 4, 1}>(),
    built<HaloConfig{float16, NLC, Activation::none, 32, 32, 2, 1, 8, 8}>(),
    built<HaloConfig{float16, NLC, Activation::relu, 16, 8, 4, 1, 2, 4, false, false, 64}>(),
    built<HaloConfig{float16, NLC, Activation::none, 16, 16, 1, 4, 1, 1}>(),
    built<HaloConfig{float16, NLC, Activation::none, 32, 64, 4, 1, 1, 8, true}>(),
    built<HaloConfig{float16, NCL, Activation::none, 64, 16, 1, 1, 4, 8}>(),
    built<HaloConfig{float16, NCL, Activation::tanh, 16, 8, 1, 4, 1, 1}>(),
    built<HaloConfig{float16, NCL, Activation::none, 32, 64, 2, 1, 1, 8, true, false, 64}>(),
    built<HaloConfig{bfloat16, NLC, Activation::none, 16, 8, 1, 1, 1, 2}>(),
    built<HaloConfig{bfloat16, NLC, Activation::none, 16, 32, 1, 4, 4, 1}>(),
    built<HaloConfig{bfloat16, NLC, Activation::none, 16, 48, 2, 1, 8, 8}>(),
    built<HaloConfig{bfloat16, NCL, Activation::none, 16, 8, 4, 1, 4, 4}>(),
    built<HaloConfig{bfloat16, NCL, Activation::gelu_tanh, 64, 32, 1, 1, 1, 2, false, false, 64}>(),
    built<HaloConfig{bfloat16, NCL, Activation::relu, 16, 16, 4, 1, 1, 1, true}>(),
    // Runs of positions.
    built<HaloConfig{float16, NLC, Activation::none, 16, 8, 1, 1, 8, 1, false, true}>(),
    built<HaloConfig{float16, NLC, Activation::silu, 16, 16, 1, 4, 2, 2, false, true}>(),
    built<HaloConfig{float16, NCL, Activation::relu, 32, 16, 1, 1, 4, 8, false, true}>(),
    built<HaloConfig{float16, NCL, Activation::none, 64, 16, 1, 1, 1, 8, true, true}>(),
    built<HaloConfig{bfloat16, NLC, Activation::none, 16, 16, 4, 1, 4, 8, false, true, 64}>(),
    built<HaloConfig{bfloat16, NLC, Activation::relu, 32, 8, 1, 1, 1, 1, true, true}>(),
    built<HaloConfig{bfloat16, NCL, Activation::none, 16, 8, 4, 1, 1, 2, false, true}>(),
};

}  // namespace

std::span<const HostKernel<HaloConfig>> halo_kernels() { return kernels; }

}  // namespace convtune
