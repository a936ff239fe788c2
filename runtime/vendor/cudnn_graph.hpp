#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device_properties.hpp"
#include "kernels/problem.hpp"
#include "runtime/vendor/cudnn_backend.hpp"

namespace convtune {

/// A problem as cuDNN's operation graph: the convolution, in two dimensions with a height of 1,
/// then bias and activation as far as the problem has them. What lies between is float32 and never
/// in memory.
class CudnnGraph {
 public:
  /// The tensors that a run gives, by their numbers.
  enum Uid : std::int64_t { x_uid = 1, weight_uid, bias_uid, y_uid, first_virtual_uid };

  /// Bytes that all of them are aligned to.
  static constexpr std::int64_t alignment = 16;

  /// `handle` is null for a graph that is only asked about. Throws as check_cudnn() does.
  CudnnGraph(const Problem& problem, cudnnHandle_t handle);
  const CudnnDescriptor& get() const { return graph_; }

 private:
  const CudnnDescriptor& add(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t uid);
  const CudnnDescriptor& y();
  const CudnnDescriptor& between();
  const CudnnDescriptor* pointwise(cudnnPointwiseMode_t mode, const CudnnDescriptor& in,
                                   const CudnnDescriptor* added, const CudnnDescriptor* out);

  Problem problem_;
  std::map<std::int64_t, CudnnDescriptor> tensors_;
  std::vector<CudnnDescriptor> operations_;
  CudnnDescriptor graph_{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
};

/// One way in which cuDNN would compute a problem: an engine by its global index, and its knobs.
struct CudnnEngine {
  std::int64_t index = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> knobs;  ///< type, value
  bool operator==(const CudnnEngine&) const = default;
};

/// "engine 41 2=1 24=3": the engine and its knobs, type=value.
std::string to_text(const CudnnEngine& engine);

/// What the heuristics offer for the problem on the device, modes A, B and fallback in this order,
/// repeats left out; for `ieee` and `tf32x3` without engines that round the inputs. Needs no GPU.
/// Throws Error{unavailable} without cuDNN, Error{failed} if it refuses the problem.
std::vector<CudnnEngine> cudnn_engines(const Problem& problem, const DeviceProperties& device);

}  // namespace convtune
