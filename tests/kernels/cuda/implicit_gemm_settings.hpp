#pragma once

#include "kernels/config.hpp"
#include "kernels/cuda/implicit_gemm_config.hpp"

namespace convtune {

/// The settings of a kernel.
inline Config config_for(const cuda::ImplicitGemmConfig& c) {
  return {.family = "cuda_implicit_gemm",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"row_bytes", c.row_bytes},
                       {"stages", c.stages},
                       {"share", c.shares_rows ? 1 : 0},
                       {"split", c.split},
                       {"cluster", c.cluster}}};
}

}  // namespace convtune
