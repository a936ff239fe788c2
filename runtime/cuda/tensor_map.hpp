#pragma once

#include <mutex>

#include "kernels/cuda/tensor_map.hpp"
#include "runtime/cuda/driver.hpp"

namespace convtune {

/// The driver's TensorMap of `args`. Throws Error{failed} naming the rule that they break, or as
/// check() does.
cuda::TensorMap encode_tensor_map(const Driver& driver, const cuda::TensorMapArgs& args);

/// A kernel's tensor maps for wherever x lies. May be asked by many threads.
class TensorMapsOf {
 public:
  /// `args` as CudaKernel::tensor_maps gives them. The driver outlives this.
  TensorMapsOf(const Driver& driver, const cuda::TensorMapsArgs& args, const void* packed);

  /// Makes a new map of x only if it lies elsewhere than the last time.
  cuda::TensorMaps at(const void* x) const;

 private:
  const Driver& driver_;
  cuda::TensorMapArgs x_;
  mutable std::mutex mutex_;
  mutable const void* mapped_x_ = nullptr;
  mutable cuda::TensorMaps maps_;
};

}  // namespace convtune
