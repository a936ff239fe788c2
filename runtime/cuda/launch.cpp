#include "runtime/cuda/launch.hpp"

namespace convtune {

// Without an attribute the launch is one that every GPU knows.
void launch_kernel(const Driver& driver, CUfunction function, const LaunchGeometry& geometry,
                   CUstream stream, void** parameters) {
  CUlaunchAttribute cluster = {};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {geometry.cluster, 1, 1};
  const CUlaunchConfig config = {.gridDimX = geometry.grid[0],
                                 .gridDimY = geometry.grid[1],
                                 .gridDimZ = geometry.grid[2],
                                 .blockDimX = geometry.block[0],
                                 .blockDimY = geometry.block[1],
                                 .blockDimZ = geometry.block[2],
                                 .sharedMemBytes = geometry.shared_bytes,
                                 .hStream = stream,
                                 .attrs = &cluster,
                                 .numAttrs = geometry.cluster > 1 ? 1U : 0U};
  check(driver, driver.cuLaunchKernelEx(&config, function, parameters, nullptr),
        "cuLaunchKernelEx");
}

}  // namespace convtune
