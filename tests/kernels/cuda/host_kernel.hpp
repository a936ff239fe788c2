#pragma once

#include "kernels/cuda/conv_args.hpp"
#include "kernels/cuda/tensor_map.hpp"

namespace convtune {

/// What one thread of a kernel does. Most take no maps.
using HostThread = void (*)(const cuda::ConvArgs&);
using MappedHostThread = void (*)(const cuda::ConvArgs&, const cuda::TensorMaps&);

/// An instantiation of a family's kernel that the host's compiler built.
template <class FamilyConfig, class Thread = HostThread>
struct HostKernel {
  FamilyConfig config;
  Thread thread;
};

}  // namespace convtune
