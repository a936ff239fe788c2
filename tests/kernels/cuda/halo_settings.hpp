#pragma once

#include "kernels/config.hpp"
#include "kernels/cuda/halo_config.hpp"

namespace convtune {

/// The settings of a kernel.
inline Config config_for(const cuda::HaloConfig& c) {
  return {.family = "cuda_halo",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"slices", c.slices},
                       {"split", c.split},
                       {"fill", c.filled ? 1 : 0}}};
}

}  // namespace convtune
