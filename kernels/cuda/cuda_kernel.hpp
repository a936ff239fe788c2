#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/config.hpp"
#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/tensor_map.hpp"
#include "kernels/device_properties.hpp"
#include "kernels/problem.hpp"

namespace convtune {

/// Blocks, threads and dynamic shared memory of one launch.
struct LaunchGeometry {
  std::array<unsigned, 3> grid = {1, 1, 1};
  std::array<unsigned, 3> block = {1, 1, 1};
  unsigned shared_bytes = 0;
  unsigned cluster = 1;  ///< so many neighbours along the grid run together; sm_90 and later
};

/// The sizes that kernels take as run-time arguments.
cuda::ConvShape<cuda::Int64> conv_shape(const Problem& problem);

/// Whether tensors, stride, dilation and paddings leave 64-bit indices room for any tail.
bool indices_fit_64_bits(const Problem& problem);

/// What a kernel and main memory move if L2 holds all that blocks share: the 32-byte sectors of x
/// that hold what some tap reads, all of y and of the packed weights, each once.
double main_memory_bytes(const Problem& problem, std::int64_t packed_bytes);

/// What the host must know of a CUDA family: the twin of its device file.
struct CudaKernel {
  std::string_view header;  ///< device file, relative to kernels/cuda: "direct.cuh"
  /// The expression that instantiates the kernel template, e.g.
  /// "conv1d_direct<DirectConfig{.tile_l = 4}>". It holds exactly what is baked in, so that equal
  /// text means an equal cubin.
  std::string (*instantiation)(const Problem&, const Config&);
  LaunchGeometry (*geometry)(const Problem&, const Config&, const DeviceProperties&);
  /// Bytes of the packed weights, bias included, and the packing: `weight` and `bias` are host
  /// arrays of the problem's dtype and layout, `packed` is host memory to be copied to the device.
  std::size_t (*packed_bytes)(const Problem&, const Config&);
  void (*pack)(const Problem&, const Config&, const void* weight, const void* bias, void* packed);
  /// Bytes that x and y must be aligned to.
  std::size_t (*alignment)(const Problem&, const Config&);
  /// Blocks that an SM is to have registers for: what a thread may take. Without it the compiler
  /// guesses, and may spill a few where that lets one more block in. Kernels whose warpgroups trade
  /// registers must have it.
  int (*blocks_per_sm)(const Problem&, const Config&) = nullptr;
  /// For a kernel of two parameters, ConvArgs and TensorMaps: what the second is made from, without
  /// the addresses of x and of the packed weights.
  cuda::TensorMapsArgs (*tensor_maps)(const Problem&, const Config&) = nullptr;
};

}  // namespace convtune
