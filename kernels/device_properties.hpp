#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace convtune {

enum class DeviceKind { cpu, cuda };
std::string_view name(DeviceKind kind);

/// Everything of a device that decides whether a measurement made on it transfers. Equal properties
/// mean that results may be shared. Fields of the other kind are 0 or empty.
struct DeviceProperties {
  DeviceKind kind = DeviceKind::cpu;
  std::string name;               ///< "AMD EPYC 9654", "NVIDIA H200"
  std::string model;              ///< which one of that name (CPU): "26.2.1", see CpuModel
  std::string arch;               ///< what code is generated for: "AVX3" (Highway target), "sm_90a"
  int units = 0;                  ///< threads used on a CPU, SMs on a GPU
  std::int64_t l1_bytes = 0;      ///< data cache a core (CPU)
  std::int64_t l2_bytes = 0;      ///< a core (CPU), in all (GPU)
  std::int64_t l3_bytes = 0;      ///< that a core reaches (CPU)
  std::int64_t memory_bytes = 0;  ///< in all; not part of the identity

  // GPUs only: the limits that cuda_occupancy.h asks for.
  int compute_major = 0;
  int compute_minor = 0;
  int max_threads_per_block = 0;
  int max_threads_per_sm = 0;
  int max_blocks_per_sm = 0;
  int registers_per_block = 0;
  int registers_per_sm = 0;
  std::int64_t shared_per_block = 0;
  std::int64_t shared_per_block_optin = 0;
  std::int64_t shared_per_sm = 0;
  std::int64_t reserved_shared_per_block = 0;

  // GPUs only, and not part of the identity: what a result may have grown stale with.
  std::string driver;    ///< newest CUDA that it serves, "13.0"
  std::string compiler;  ///< version of NVRTC or of the pack in its place; empty without both
};

/// Canonical text of all that makes a measurement transferable: the key of a device in the
/// database.
std::string identity(const DeviceProperties& device);

/// Properties of a GPU that is not here, for ahead-of-time work. `arch` as in "sm_90a"; known: 75,
/// 80, 86, 89, 90(a), 100(a), 120(a). Throws Error{invalid} otherwise.
DeviceProperties properties_of_arch(std::string_view arch);

}  // namespace convtune
