#include "tests/kernels/cuda/implicit_gemm_kernels.hpp"

#include "kernels/cuda/implicit_gemm.cuh"

namespace convtune {
namespace {

using cuda::ImplicitGemmConfig;
using enum DType;
using enum Layout;
using enum Math;

template <ImplicitGemmConfig config>
constexpr HostKernel<ImplicitGemmConfig> built() {
  return {config, cuda::conv1d_implicit_gemm<config>};
}

// dtype, math, layout, activation, tile_l, tile_c, row_bytes, stages, shares_rows, joins_batch,
// split, cluster, vec_x, vec_y, index_bits
constexpr HostKernel<ImplicitGemmConfig> kernels[] = {
    // x by asynchronous copies.
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::none, 64, 64, 128, 3, false, true, 1,
                             1, 8, 8}>(),
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::gelu, 32, 64, 128, 2, true, false, 1,
                             1, 8, 2}>(),
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::none, 128, 64, 64, 4, true, false, 1,
                             1, 4, 1, 64}>(),
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::relu, 256, 128, 128, 3, true, false, 1,
                             1, 8, 8}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::none, 64, 64, 128, 4, true, false, 1,
                             1, 8, 8}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::relu, 32, 32, 128, 3, true, false, 2,
                             1, 2, 4}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::silu, 64, 128, 64, 2, false, false, 1,
                             1, 8, 8}>(),
    built<ImplicitGemmConfig{float32, tf32, NLC, Activation::none, 64, 64, 128, 3, true, false, 1,
                             1, 4, 4}>(),
    built<ImplicitGemmConfig{float32, tf32, NLC, Activation::relu, 32, 128, 64, 4, false, true, 2,
                             1, 1, 1}>(),
    built<ImplicitGemmConfig{float32, tf32x3, NLC, Activation::none, 128, 32, 128, 3, true, false,
                             1, 1, 4, 2}>(),
    built<ImplicitGemmConfig{float32, tf32x3, NLC, Activation::gelu_tanh, 32, 64, 128, 4, true,
                             false, 2, 1, 2, 1, 64}>(),
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::silu, 64, 32, 128, 3, false, true, 4,
                             1, 8, 4}>(),
    built<ImplicitGemmConfig{float32, tf32x3, NLC, Activation::relu, 32, 32, 128, 2, true, false, 4,
                             1, 4, 4}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::gelu, 128, 48, 128, 3, true, false, 1,
                             1, 8, 8}>(),
    // x through registers.
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::none, 64, 32, 64, 3, false, true, 1, 1,
                             1, 8}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::none, 128, 64, 128, 4, true, false, 1,
                             1, 1, 1}>(),
    built<ImplicitGemmConfig{float16, ieee, NCL, Activation::none, 64, 64, 128, 3, true, false, 1,
                             1, 4, 8}>(),
    built<ImplicitGemmConfig{float16, ieee, NCL, Activation::relu, 64, 64, 64, 4, false, false, 1,
                             1, 1, 1}>(),
    built<ImplicitGemmConfig{float16, ieee, NCL, Activation::none, 32, 64, 128, 2, true, false, 2,
                             1, 2, 2, 64}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NCL, Activation::none, 128, 128, 128, 3, true, false,
                             1, 1, 1, 4}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NCL, Activation::tanh, 32, 32, 128, 4, false, false, 2,
                             1, 4, 8}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NCL, Activation::silu, 64, 64, 128, 3, true, false, 4,
                             1, 2, 1}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NCL, Activation::none, 256, 32, 64, 3, true, false, 1,
                             1, 4, 1}>(),
    built<ImplicitGemmConfig{float16, ieee, NCL, Activation::none, 256, 48, 128, 3, true, false, 1,
                             1, 4, 8}>(),
    built<ImplicitGemmConfig{float32, tf32, NCL, Activation::none, 64, 32, 128, 4, true, false, 1,
                             1, 1, 1}>(),
    built<ImplicitGemmConfig{float32, tf32, NCL, Activation::relu, 32, 64, 64, 3, true, false, 2, 1,
                             4, 4}>(),
    built<ImplicitGemmConfig{float32, tf32x3, NCL, Activation::none, 64, 64, 128, 3, true, false, 1,
                             1, 2, 2}>(),
    // A cluster's blocks share the reduction.
    built<ImplicitGemmConfig{float16, ieee, NLC, Activation::none, 64, 64, 128, 3, true, false, 1,
                             2, 8, 8}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::gelu, 32, 64, 128, 4, false, true, 2,
                             4, 8, 2, 64}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NLC, Activation::relu, 64, 32, 64, 3, true, false, 1,
                             8, 1, 8}>(),
    built<ImplicitGemmConfig{float32, tf32, NLC, Activation::none, 64, 64, 128, 3, true, false, 2,
                             4, 4, 4}>(),
    built<ImplicitGemmConfig{float32, tf32x3, NLC, Activation::none, 32, 32, 64, 2, true, false, 1,
                             8, 4, 1}>(),
    built<ImplicitGemmConfig{float16, ieee, NCL, Activation::none, 64, 64, 128, 3, true, false, 1,
                             4, 4, 8}>(),
    built<ImplicitGemmConfig{bfloat16, ieee, NCL, Activation::relu, 32, 64, 64, 3, true, false, 2,
                             8, 1, 2}>(),
    built<ImplicitGemmConfig{float32, tf32, NCL, Activation::silu, 64, 32, 128, 4, true, false, 2,
                             2, 2, 1}>(),
    // Any stride in NCL.
    built<ImplicitGemmConfig{float32, tf32x3, NCL, Activation::tanh, 32, 32, 128, 3, true, false, 1,
                             1, 1, 1}>(),
};

}  // namespace

std::span<const HostKernel<ImplicitGemmConfig>> implicit_gemm_kernels() { return kernels; }

}  // namespace convtune
