#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/config.hpp"
#include "kernels/device_properties.hpp"
#include "kernels/problem.hpp"

namespace convtune {

class ThreadPool;
struct CudaKernel;
struct CudaVendor;

/// Whose code computes. Results never mix the two in one figure.
enum class Origin { generated, vendor };
std::string_view name(Origin origin);

/// A tunable parameter and the values the search may give it.
struct Parameter {
  std::string_view name;
  std::vector<std::int64_t> values;
  std::string_view meaning;
};

/// A rule that a (problem, config, device) must keep. `name` is what `plan --why` prints; `rule`
/// says it in words. A rule about the problem alone excludes the whole family.
struct Constraint {
  std::string_view name;
  std::string_view rule;
  bool (*holds)(const Problem&, const Config&, const DeviceProperties&);
};

/// What executes multiply-adds: the plain lanes of a processor, a CPU's products of bfloat16 (AMX,
/// AVX512-BF16), or the tensor cores of a GPU, by instructions of one warp (mma.sync) or of a
/// warpgroup (wgmma), at a rate that depends on the operands.
enum class Arithmetic { lanes, cpu_bf16, mma_16_bits, mma_tf32, wgmma_16_bits, wgmma_tf32 };

/// What one run on a device really moves and executes: the roofline's inputs.
struct Cost {
  /// Between the kernel and main memory, whose caches hold all that is used again: each sector of
  /// 32 bytes (CPU: each element) that is read or written counts once.
  double bytes = 0;
  double flops = 0;  ///< 2 per multiply-add executed, waste in tails included
  Arithmetic arithmetic = Arithmetic::lanes;
};

/// How a CPU family runs.
struct CpuKernel {
  /// Packs weight and bias (the problem's dtype and layout; bias null without one) and returns all
  /// that run() needs; it keeps no pointer to its arguments.
  std::shared_ptr<const void> (*prepare)(const Problem&, const Config&, const void* weight,
                                         const void* bias);
  /// Computes all of y from packed x, both aligned to their element only. Allocates nothing.
  void (*run)(const void* prepared, const void* x, void* y, ThreadPool& pool);
  /// For a vendor that chooses by itself what to run: its choice, in words that are the same for
  /// two configs of a problem if and only if one kernel runs for both. Null: each config is a
  /// kernel.
  std::string (*implementation)(const void* prepared) = nullptr;
};

/// One way to compute a Conv1D, with a space of parameters: what every layer knows of it.
struct Family {
  std::string_view name;
  DeviceKind device;
  Origin origin;
  std::string_view summary;           ///< one line: what it serves
  std::vector<Parameter> parameters;  ///< in the order of Config::settings
  std::vector<Constraint> constraints;
  /// The config used when nothing is tuned. Keeps all constraints that do not exclude the family.
  Config (*default_config)(const Problem&, const DeviceProperties&);
  Cost (*cost)(const Problem&, const Config&, const DeviceProperties&);
  /// Digest of the code that computes (for a vendor, its name and version). Null for generated CUDA
  /// families: it is that of what they generate. See source_digest() below.
  std::string (*source_digest)(const Problem&, const Config&, const DeviceProperties&) = nullptr;
  /// For a vendor: the library and its version. Throws Error{unavailable} where it is not there.
  std::string (*library)() = nullptr;
  /// Whether its sums are those that Math::winograd allows. The tolerance of all other families is
  /// that of ieee there.
  bool uses_winograd = false;
  const CpuKernel* cpu = nullptr;  ///< set if device is cpu
  // One of these is set if device is cuda: what is generated, or what a library runs.
  const CudaKernel* cuda = nullptr;
  const CudaVendor* vendor = nullptr;
};

/// The first constraint that (problem, config, device) breaks, or null.
const Constraint* broken_constraint(const Family& family, const Problem& problem,
                                    const Config& config, const DeviceProperties& device);

/// Digest of the code that computes: a measurement is valid as long as this stands.
std::string source_digest(const Family& family, const Problem& problem, const Config& config,
                          const DeviceProperties& device);

/// The generated families, CPU and CUDA: THE list. Vendor families are known to runtime only.
std::span<const Family* const> generated_families();

}  // namespace convtune
