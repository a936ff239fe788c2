#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "convtune/plan_info.hpp"
#include "convtune/safetensors.hpp"
#include "convtune/tensor.hpp"

namespace convtune {

/// A CUDA stream's handle (CUstream), or null for the default one. The CPU ignores it.
using Stream = void*;

/// Positions added at both ends of the length, which read as 0: `1`, or `{left, right}`.
struct SidePadding {
  std::int64_t left = 0;
  std::int64_t right = 0;

  constexpr SidePadding(std::int64_t both = 0)  // NOLINT(google-explicit-constructor)
      : left(both), right(both) {}
  constexpr SidePadding(std::int64_t left_, std::int64_t right_) : left(left_), right(right_) {}
  constexpr bool operator==(const SidePadding&) const = default;
};

/// What a Conv1d is made of: the parameters of max.nn.Conv1D by their names, then three of our own.
struct Conv1dOptions {
  std::int64_t kernel_size = 0;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  DType dtype = DType::float32;
  std::int64_t stride = 1;
  SidePadding padding = 0;
  std::int64_t dilation = 1;
  std::int64_t num_groups = 1;
  std::string device = "cpu";  ///< "cpu", "cuda", "cuda:1", or "auto": a GPU if there is one
  bool has_bias = false;
  bool permute = false;  ///< PyTorch's order of dimensions (below)
  std::string name = {};

  Activation activation = Activation::none;
  Math math = Math::ieee;
  Policy policy = Policy::nearest_or_heuristic;
};

/// A parameter of the module. It starts on the CPU and moves to the module's device on first use.
struct Weight {
  std::string name;
  DType dtype = DType::float32;
  Shape shape = {};
  std::string device = "cpu";
  const void* data = nullptr;  ///< the host's copy, packed; null before load_state_dict
};

struct Backend;

/// A one-dimensional convolution, y = act(conv(x, filter) + bias), by the fastest kernel known for
/// each shape.
///   permute=false: x (N, L, Cin), filter (K, Cin/G, Cout), y (N, L', Cout)
///   permute=true:  x (N, Cin, L), filter (Cout, Cin/G, K), y (N, Cout, L')
/// where L' = (L + left + right − dilation·(K−1) − 1) / stride + 1, rounded down.
///
/// Every refusal is an Error{invalid} whose message is one sentence; other errors say so below.
/// Const members may be called from any number of threads at once. On the CPU a run takes up to
/// 320 KiB of the calling thread's stack.
class Conv1d {
 public:
  /// A GPU that cannot be used is replaced by the CPU (said once on stderr, and by
  /// fallback_reason()), unless the policy is `error`: then Error{unavailable}.
  explicit Conv1d(const Conv1dOptions& options);
  /// With devices, families and plans of one's own: runtime/backend.hpp.
  Conv1d(Conv1dOptions options, Backend backend);
  ~Conv1d();
  Conv1d(Conv1d&&) noexcept;
  Conv1d& operator=(Conv1d&&) noexcept;

  /// Copies the weights `{name}.weight` and, with has_bias, `{name}.bias` (without a name:
  /// `weight`, `bias`) out of packed tensors on the CPU; others are ignored. Loading again forgets
  /// all prepared shapes, so it must not overlap with a run or outlive a graph captured before.
  void load_state_dict(const std::map<std::string, TensorView>& tensors);
  void load_state_dict(
      const std::function<std::optional<TensorView>(const std::string& name)>& find);
  void load_state_dict(const Safetensors& file);

  /// Does all that is slow for a shape: chooses a plan, packs the weights, compiles and loads. What
  /// has been prepared here stays so; of shapes that run() had to prepare itself, the 64 used last
  /// do, and up to 4,096 as long as their packed weights, and the scratch memory of cuDNN's, have
  /// at most 64 MiB. Shapes of nearly one size (batch and output length within 19 %, length aligned
  /// alike) share one choice of a plan, unless one is tuned for them or the cost model expects them
  /// to lose more than 10 % by it. `alignment` is what x and y will have at least, in bytes.
  void prepare(std::int64_t batch, std::int64_t length, std::size_t alignment = 16) const;

  /// Computes y from x, both packed and in the memory of device(). Pointers aligned to their
  /// element only are served. Runs on different streams may overlap. On a prepared shape it
  /// allocates nothing, reads no database and waits for nothing, so on a GPU it may be captured
  /// into a graph (unless the CPU serves the shape). Only a kernel of cuDNN's that needs scratch
  /// memory allocates some: for each of the 4 streams used last (others wait for one of them, on
  /// the GPU), and in a capture for each stream, as long as the graph or an instance of it lives.
  void run(const TensorView& x, const MutableTensorView& y, Stream stream = nullptr) const;

  /// The same into a new tensor in the memory of device().
  Tensor forward(const TensorView& x, Stream stream = nullptr) const;

  /// The shape of y for an input of that batch and length.
  Shape output_shape(std::int64_t batch, std::int64_t length) const;

  /// What serves a shape; prepares it if need be.
  PlanInfo plan(std::int64_t batch, std::int64_t length) const;

  Weight filter() const;
  std::optional<Weight> bias() const;  ///< empty without has_bias
  std::int64_t stride() const;
  SidePadding padding() const;
  std::int64_t dilation() const;
  std::int64_t num_groups() const;
  bool permute() const;
  const std::string& device() const;  ///< "cpu" or "cuda:0": where x and y must lie

  const Conv1dOptions& options() const;        ///< as asked for
  const std::string& fallback_reason() const;  ///< why device() is not what was asked for, or empty

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace convtune
