#pragma once

#include <span>

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/direct_config.hpp"
#include "tests/emulator/launch.hpp"

namespace convtune {

/// An instantiation of conv1d_direct that the host's compiler built.
struct HostKernel {
  cuda::DirectConfig config;
  void (*thread)(const cuda::ConvArgs&);  ///< what one thread does
};

/// A sample that has every value of every field, for both layouts and all dtypes.
std::span<const HostKernel> host_kernels();

/// Runs a kernel in the emulator.
emulator::Report run_on_host(const HostKernel& kernel, const cuda::ConvArgs& args,
                             const LaunchGeometry& geometry, const emulator::Options& options = {});

}  // namespace convtune
