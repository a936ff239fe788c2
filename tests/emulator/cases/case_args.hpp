#pragma once

#include "kernels/cuda/tensor_map.hpp"

// Seen by host and device: no standard header.

namespace convtune::cuda {

/// The parameter of a conformance case: a kernel that uses one primitive. The emulator's tests
/// compare its output with an independent reference, a GPU's with the emulator's.
struct CaseArgs {
  const unsigned* in = nullptr;
  unsigned* out = nullptr;
  TensorMap map = {};
};

}  // namespace convtune::cuda
