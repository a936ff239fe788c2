#include "generator/occupancy.hpp"

#include <cuda_occupancy.h>
#include <fmt/format.h>

#include <climits>

#include "kernels/error.hpp"

namespace convtune {
namespace {

cudaOccDeviceProp device_of(const DeviceProperties& device) {
  cudaOccDeviceProp result;
  result.computeMajor = device.compute_major;
  result.computeMinor = device.compute_minor;
  result.maxThreadsPerBlock = device.max_threads_per_block;
  result.maxThreadsPerMultiprocessor = device.max_threads_per_sm;
  result.regsPerBlock = device.registers_per_block;
  result.regsPerMultiprocessor = device.registers_per_sm;
  result.warpSize = 32;
  result.sharedMemPerBlock = static_cast<std::size_t>(device.shared_per_block);
  result.sharedMemPerMultiprocessor = static_cast<std::size_t>(device.shared_per_sm);
  result.numSms = device.units;
  result.sharedMemPerBlockOptin = static_cast<std::size_t>(device.shared_per_block_optin);
  result.reservedSharedMemPerBlock = static_cast<std::size_t>(device.reserved_shared_per_block);
  return result;
}

std::string limit_name(unsigned factors) {
  if (factors & OCC_LIMIT_REGISTERS) return "registers";
  if (factors & OCC_LIMIT_SHARED_MEMORY) return "shared memory";
  if (factors & OCC_LIMIT_WARPS) return "threads";
  if (factors & OCC_LIMIT_BLOCKS) return "blocks";
  if (factors & OCC_LIMIT_BARRIERS) return "barriers";
  return "nothing";
}

}  // namespace

Occupancy occupancy(const Resources& resources, const LaunchGeometry& launch,
                    const DeviceProperties& device) {
  const cudaOccDeviceProp properties = device_of(device);
  const unsigned threads = launch.block[0] * launch.block[1] * launch.block[2];
  cudaOccFuncAttributes kernel;
  kernel.maxThreadsPerBlock = INT_MAX;
  kernel.numRegs = resources.registers;
  kernel.sharedSizeBytes = static_cast<std::size_t>(resources.shared_bytes);
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  kernel.maxDynamicSharedSizeBytes = launch.shared_bytes;
  kernel.numBlockBarriers = 1;
  cudaOccDeviceState state;
  state.carveoutConfig = SHAREDMEM_CARVEOUT_MAX_SHARED;

  cudaOccResult result = {};
  const cudaOccError error = cudaOccMaxActiveBlocksPerMultiprocessor(
      &result, &properties, &kernel, &state, static_cast<int>(threads), launch.shared_bytes);
  if (error != CUDA_OCC_SUCCESS)
    throw Error(Status::failed,
                fmt::format("the occupancy of a kernel on {} cannot be computed (error {}): its "
                            "properties are incomplete",
                            device.name, static_cast<int>(error)));
  const int blocks = result.activeBlocksPerMultiprocessor;
  return {.blocks_per_sm = blocks,
          .fraction = static_cast<double>(blocks) * threads / device.max_threads_per_sm,
          .limit = limit_name(result.limitingFactors)};
}

}  // namespace convtune
