#pragma once

#include <cudnn_backend.h>

#include <cstdint>
#include <vector>

/// A cuDNN that offers one engine for every problem, and notes what it is told to run in place of
/// running it.
namespace convtune::fake_cudnn {

struct Run {
  cudaStream_t stream = nullptr;
  void* scratch = nullptr;
};

struct State {
  std::int64_t scratch_bytes = 1000;  ///< that plans ask for
  std::vector<Run> runs = {};
  cudnnStatus_t answer = CUDNN_STATUS_SUCCESS;  ///< to the next of them
};

/// The library's, by `fake_cudnn_state`.
using StateOf = State* (*)();

}  // namespace convtune::fake_cudnn
