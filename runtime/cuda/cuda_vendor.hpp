#pragma once

#include <memory>

#include "kernels/config.hpp"
#include "kernels/problem.hpp"
#include "runtime/cuda/context.hpp"
#include "runtime/device.hpp"

namespace convtune {

/// How a vendor's library runs on a GPU.
struct CudaVendor {
  /// As Device::prepare(), for the GPU of `context`.
  std::unique_ptr<Executable> (*prepare)(const std::shared_ptr<const CudaContext>& context,
                                         const DeviceProperties& device, const Problem& problem,
                                         const Config& config, const void* weight,
                                         const void* bias);
};

}  // namespace convtune
