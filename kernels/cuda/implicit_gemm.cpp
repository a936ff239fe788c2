#include "kernels/cuda/implicit_gemm.hpp"

#include <fmt/format.h>

#include "kernels/cuda/baked.hpp"
#include "kernels/cuda/implicit_gemm_pack.hpp"
#include "kernels/cuda/implicit_gemm_space.hpp"

namespace convtune {
namespace {

using cuda::ImplicitGemmConfig;

Cost cost(const Problem& p, const Config& config, const DeviceProperties&) {
  const ImplicitGemmConfig c = implicit_gemm_config(p, config);
  const auto shape = conv_shape(p);
  const double products = static_cast<double>(cuda::tiles(c, shape)) * c.tile_l * c.tile_c *
                          static_cast<double>(cuda::channel_steps(c, shape) * shape.taps) *
                          cuda::step_channels(c) * (p.math == Math::tf32x3 ? 3 : 1);
  return {.bytes = main_memory_bytes(p, cuda::packed_bytes(c, shape)),
          .flops = 2 * products,
          .arithmetic = p.dtype == DType::float32 ? Arithmetic::mma_tf32 : Arithmetic::mma_16_bits};
}

LaunchGeometry geometry(const Problem& problem, const Config& config, const DeviceProperties&) {
  const ImplicitGemmConfig c = implicit_gemm_config(problem, config);
  return {.grid = {static_cast<unsigned>(implicit_gemm::blocks(problem, config)), 1, 1},
          .block = {static_cast<unsigned>(cuda::threads(c)), 1, 1},
          .shared_bytes = static_cast<unsigned>(implicit_gemm::shared_bytes(problem, config)),
          .cluster = static_cast<unsigned>(c.cluster)};
}

void pack(const Problem& problem, const Config& config, const void* weight, const void* bias,
          void* packed) {
  pack_implicit_gemm(problem, implicit_gemm_config(problem, config), weight, bias, packed);
}

constexpr CudaKernel kernel = {
    .header = "implicit_gemm.cuh",
    .instantiation = instantiation_of<implicit_gemm_config, instantiation>,
    .geometry = geometry,
    .packed_bytes = packed_bytes_of<implicit_gemm_config>,
    .pack = pack,
    .alignment = alignment_of<implicit_gemm_config>,
    .blocks_per_sm = implicit_gemm::blocks_per_sm};

}  // namespace

ImplicitGemmConfig implicit_gemm_config(const Problem& p, const Config& config) {
  ImplicitGemmConfig c = implicit_gemm::with_narrow_indices(p, config);
  c.index_bits = cuda::fits_32_bits(c, conv_shape(p)) ? 32 : 64;
  return c;
}

std::string instantiation(const ImplicitGemmConfig& c) {
  return fmt::format(
      "conv1d_implicit_gemm<ImplicitGemmConfig{{.dtype = DType::{}, .math = Math::{}, "
      ".layout = Layout::{}, .activation = Activation::{}, .tile_l = {}, .tile_c = {}, "
      ".row_bytes = {}, .stages = {}, .shares_rows = {}, .joins_batch = {}, .split = {}, "
      ".cluster = {}, .vec_x = {}, .vec_y = {}, .index_bits = {}}}>",
      name(c.dtype), name(c.math), name(c.layout), name(c.activation), c.tile_l, c.tile_c,
      c.row_bytes, c.stages, c.shares_rows, c.joins_batch, c.split, c.cluster, c.vec_x, c.vec_y,
      c.index_bits);
}

const Family& cuda_implicit_gemm() {
  static const Family family = {.name = "cuda_implicit_gemm",
                                .device = DeviceKind::cuda,
                                .origin = Origin::generated,
                                .summary = "wide groups as matrix products on tensor cores",
                                .parameters = implicit_gemm::parameters(),
                                .constraints = implicit_gemm::constraints(),
                                .default_config = implicit_gemm::default_config,
                                .cost = cost,
                                .cuda = &kernel};
  return family;
}

}  // namespace convtune
