#include "tests/kernels/cuda/warpgroup_gemm_kernels.hpp"

#include "kernels/cuda/warpgroup_gemm.cuh"

namespace convtune {
namespace {

using cuda::WarpgroupGemmConfig;
using enum DType;
using enum Layout;

template <WarpgroupGemmConfig config>
constexpr HostKernel<WarpgroupGemmConfig, MappedHostThread> built() {
  return {config, cuda::conv1d_warpgroup_gemm<config>};
}

// dtype, math, layout, activation, tile_l, tile_c, teams, shares_x, cluster, vec_y
constexpr HostKernel<WarpgroupGemmConfig, MappedHostThread> kernels[] = {
    built<WarpgroupGemmConfig{float16, Math::ieee, NLC, Activation::none, 128, 64, 1, false, 1,
                              8}>(),
    built<WarpgroupGemmConfig{float16, Math::ieee, NLC, Activation::gelu, 64, 64, 2, false, 1,
                              1}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NLC, Activation::relu, 256, 128, 1, false, 1,
                              2}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NLC, Activation::none, 128, 256, 1, false, 1,
                              8}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NLC, Activation::none, 128, 128, 2, false, 1,
                              4}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32, NLC, Activation::none, 128, 128, 1, false, 1,
                              4}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32, NLC, Activation::gelu_tanh, 128, 64, 2, false, 1,
                              1}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32x3, NLC, Activation::none, 256, 64, 1, false, 1,
                              2}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32x3, NLC, Activation::none, 64, 128, 2, false, 1,
                              4}>(),
    built<WarpgroupGemmConfig{float16, Math::ieee, NLC, Activation::relu, 128, 64, 1, true, 1,
                              8}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NLC, Activation::silu, 256, 128, 1, true, 1,
                              1}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NLC, Activation::tanh, 64, 128, 2, true, 1,
                              4}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32, NLC, Activation::relu, 128, 64, 1, true, 1,
                              4}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32x3, NLC, Activation::silu, 128, 64, 2, true, 1,
                              1}>(),
    built<WarpgroupGemmConfig{float16, Math::ieee, NCL, Activation::none, 64, 128, 1, false, 1,
                              8}>(),
    built<WarpgroupGemmConfig{float16, Math::ieee, NCL, Activation::silu, 64, 64, 2, false, 1,
                              1}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NCL, Activation::relu, 128, 256, 1, false, 1,
                              2}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NCL, Activation::none, 256, 128, 1, false, 1,
                              8}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NCL, Activation::tanh, 128, 128, 2, false, 1,
                              4}>(),
    built<WarpgroupGemmConfig{float16, Math::ieee, NLC, Activation::none, 128, 128, 1, false, 2,
                              8}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NLC, Activation::relu, 64, 64, 2, true, 2,
                              2}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32, NLC, Activation::none, 64, 64, 2, false, 2,
                              4}>(),
    built<WarpgroupGemmConfig{float32, Math::tf32x3, NLC, Activation::relu, 128, 64, 1, true, 2,
                              1}>(),
    built<WarpgroupGemmConfig{bfloat16, Math::ieee, NCL, Activation::gelu, 64, 128, 1, false, 2,
                              8}>(),
    built<WarpgroupGemmConfig{float16, Math::ieee, NCL, Activation::relu, 64, 64, 2, false, 2,
                              1}>(),
};

}  // namespace

std::span<const HostKernel<WarpgroupGemmConfig, MappedHostThread>> warpgroup_gemm_kernels() {
  return kernels;
}

}  // namespace convtune
