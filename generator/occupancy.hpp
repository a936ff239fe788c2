#pragma once

#include <string>

#include "generator/cubin.hpp"
#include "kernels/cuda/cuda_kernel.hpp"

namespace convtune {

/// How many blocks of a kernel an SM holds at once.
struct Occupancy {
  int blocks_per_sm = 0;
  double fraction = 0;  ///< of the threads an SM can hold
  std::string limit;    ///< what stands in the way of more: "registers", "threads", …
};

/// By NVIDIA's own formulas (cuda_occupancy.h), for a device that may not be here. 0 blocks if the
/// kernel cannot run at all.
Occupancy occupancy(const Resources& resources, const LaunchGeometry& launch,
                    const DeviceProperties& device);

}  // namespace convtune
