#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/cuda/device_headers.hpp"

namespace convtune {

/// Name of the one kernel of every generated unit. Its parameters are a cuda::ConvArgs and, if the
/// family loads by the copy engine, cuda::TensorMaps.
inline constexpr const char* kernel_symbol = "convtune_kernel";

/// What is compiled for a candidate. Equal text means an equal cubin: sizes that the family does
/// not bake in are run-time arguments.
struct Source {
  std::string text;                   ///< one include and one instantiation
  std::vector<EmbeddedFile> headers;  ///< all that it includes, transitively
  std::string digest;                 ///< of text and headers, by name and content
};

Source write_source(const CudaKernel& kernel, const Problem& problem, const Config& config,
                    const DeviceProperties& device);

}  // namespace convtune
