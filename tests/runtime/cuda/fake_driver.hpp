#pragma once

#include <vector>

#include "generator/compiler.hpp"
#include "runtime/cuda/driver.hpp"

/// A driver whose GPUs are imaginary: device memory is the host's, and a launch runs the kernel
/// that the host's compiler built. Its state is global and starts afresh with reset().
namespace convtune::fake_driver {

/// What a stream was told to wait for: an event, by the stream that had recorded it last, or null.
struct Wait {
  CUstream stream = nullptr;
  CUstream recorded = nullptr;
  bool operator==(const Wait&) const = default;
};

struct State {
  int gpus = 1;
  int version = 12040;  ///< of CUDA, as cuDriverGetVersion gives it
  std::size_t memory_left = std::size_t{1} << 30;
  CUresult launch_result = CUDA_SUCCESS;   ///< what cuLaunchKernelEx returns
  CUresult context_result = CUDA_SUCCESS;  ///< what all that needs a context returns
  int live_allocations = 0;
  int live_modules = 0;
  int contexts_retained = 0;
  int context_depth = 0;  ///< pushed and not popped
  int launches = 0;
  unsigned largest_cluster = 0;  ///< that was launched
  int encoded_maps = 0;
  bool running = false;     ///< launched and not waited for
  int freed_too_early = 0;  ///< memory and modules released while something runs
  int compiled = 0;
  std::vector<Wait> waits = {};  ///< of streams outside a capture
};
State& state();
void reset();

const Driver& table();

/// Stands for NVRTC: the "cubin" is the unit's text, by which a launch finds the host's kernel.
Compiled compile(const Source& source, std::string_view arch);

}  // namespace convtune::fake_driver
