#include "tests/kernels/cuda/depthwise_kernels.hpp"

#include "kernels/cuda/depthwise.cuh"

namespace convtune {
namespace {

using cuda::DepthwiseConfig;
using enum DType;
using enum Layout;

template <DepthwiseConfig config>
constexpr HostKernel<DepthwiseConfig> built() {
  return {config, cuda::conv1d_depthwise<config>};
}

// dtype, layout, activation, tile_l, tiles, vec_x, vec_y, taps, chunked, step, spacing,
// common, index_bits
constexpr HostKernel<DepthwiseConfig> kernels[] = {
    // Walks along channels.
    built<DepthwiseConfig{float32, NLC, Activation::none, 1, 1, 1, 1, 3}>(),
    built<DepthwiseConfig{float32, NLC, Activation::relu, 8, 1, 4, 4, 3}>(),
    built<DepthwiseConfig{float32, NLC, Activation::none, 4, 4, 4, 4, 7, false, 2, 1, 1, 64}>(),
    built<DepthwiseConfig{float32, NLC, Activation::gelu, 16, 1, 1, 4, 2, false, 1, 1, 2}>(),
    built<DepthwiseConfig{float32, NLC, Activation::none, 32, 4, 1, 1, 11, false, 3}>(),
    built<DepthwiseConfig{float32, NLC, Activation::silu, 8, 1, 2, 2, 5}>(),
    built<DepthwiseConfig{float16, NLC, Activation::none, 8, 1, 8, 8, 4}>(),
    built<DepthwiseConfig{float16, NLC, Activation::relu, 4, 1, 8, 8, 9, true}>(),
    built<DepthwiseConfig{float16, NLC, Activation::none, 4, 1, 1, 1, 2, false, 3, 1, 3}>(),
    built<DepthwiseConfig{bfloat16, NLC, Activation::none, 8, 1, 8, 8, 5, true}>(),
    built<DepthwiseConfig{bfloat16, NLC, Activation::tanh, 1, 4, 1, 8, 3}>(),
    built<DepthwiseConfig{bfloat16, NLC, Activation::relu, 16, 4, 4, 4, 3, false, 1, 1, 1, 64}>(),
    // Pieces of rows.
    built<DepthwiseConfig{float32, NCL, Activation::none, 4, 1, 4, 4, 3}>(),
    built<DepthwiseConfig{float32, NCL, Activation::relu, 16, 1, 4, 4, 22, true}>(),
    built<DepthwiseConfig{float32, NCL, Activation::none, 8, 1, 4, 4, 5, false, 2, 3, 1, 64}>(),
    built<DepthwiseConfig{float16, NCL, Activation::none, 8, 1, 8, 8, 4}>(),
    built<DepthwiseConfig{float16, NCL, Activation::none, 32, 1, 8, 8, 31}>(),
    built<DepthwiseConfig{float16, NCL, Activation::gelu, 16, 4, 8, 8, 3, false, 3, 2}>(),
    built<DepthwiseConfig{bfloat16, NCL, Activation::none, 16, 1, 8, 8, 4}>(),
    built<DepthwiseConfig{bfloat16, NCL, Activation::relu, 32, 1, 8, 8, 17, true, 1, 2}>(),
    built<DepthwiseConfig{bfloat16, NCL, Activation::silu, 8, 1, 8, 8, 3, false, 4, 8}>(),
    // Walks along rows.
    built<DepthwiseConfig{float32, NCL, Activation::none, 1, 1, 1, 1, 5}>(),
    built<DepthwiseConfig{float32, NCL, Activation::relu, 8, 1, 1, 1, 3}>(),
    built<DepthwiseConfig{float16, NCL, Activation::none, 8, 1, 1, 1, 3, false, 3, 1, 2}>(),
    built<DepthwiseConfig{bfloat16, NCL, Activation::gelu_tanh, 4, 1, 1, 1, 7, false, 1, 1, 1,
                          64}>(),
    built<DepthwiseConfig{bfloat16, NCL, Activation::none, 1, 1, 1, 1, 29, true}>(),
    // Those of 128 taps and more that divide evenly.
    built<DepthwiseConfig{bfloat16, NLC, Activation::gelu, 8, 1, 8, 8, 8, true}>(),
    built<DepthwiseConfig{float32, NCL, Activation::silu, 16, 1, 4, 4, 32, true}>(),
    built<DepthwiseConfig{float16, NCL, Activation::tanh, 16, 1, 8, 8, 32, true}>(),
};

}  // namespace

std::span<const HostKernel<DepthwiseConfig>> depthwise_kernels() { return kernels; }

}  // namespace convtune
