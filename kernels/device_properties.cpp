#include "kernels/device_properties.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernels/error.hpp"

namespace convtune {
namespace {

constexpr std::int64_t KiB = 1024;

/// Limits per architecture, of the largest product that has it; source: CUDA C++ Programming Guide
/// 13.0, "Compute Capabilities".
struct ArchLimits {
  std::string_view arch;
  std::string_view product;
  int sms;
  int threads_per_sm;
  int blocks_per_sm;
  std::int64_t shared_per_sm;
  std::int64_t l2_bytes;
};

constexpr std::array arch_limits = {
    ArchLimits{"sm_75", "NVIDIA T4", 40, 1024, 16, 64 * KiB, 4096 * KiB},
    ArchLimits{"sm_80", "NVIDIA A100", 108, 2048, 32, 164 * KiB, 40960 * KiB},
    ArchLimits{"sm_86", "NVIDIA A40", 84, 1536, 16, 100 * KiB, 6144 * KiB},
    ArchLimits{"sm_89", "NVIDIA L40S", 142, 1536, 24, 100 * KiB, 98304 * KiB},
    ArchLimits{"sm_90", "NVIDIA H200", 132, 2048, 32, 228 * KiB, 61440 * KiB},
    ArchLimits{"sm_100", "NVIDIA B200", 148, 2048, 32, 228 * KiB, 129024 * KiB},
    ArchLimits{"sm_120", "NVIDIA RTX PRO 6000", 188, 1536, 24, 100 * KiB, 131072 * KiB},
};

/// The first architecture with a form of its own features, "sm_90a", whose limits are the same.
constexpr int first_with_suffix = 90;

int capability_of(const ArchLimits& limits) {
  return std::stoi(std::string(limits.arch.substr(3)));
}

std::string_view without_suffix(std::string_view arch) {
  return arch.substr(0, std::min(arch.find_last_of("0123456789") + 1, arch.size()));
}

}  // namespace

std::string_view name(DeviceKind kind) { return kind == DeviceKind::cpu ? "cpu" : "cuda"; }

std::string identity(const DeviceProperties& d) {
  if (d.kind == DeviceKind::cpu) {
    return fmt::format("cpu/{}/{}/{}/threads={}/l1={}/l2={}/l3={}", d.name, d.model, d.arch,
                       d.units, d.l1_bytes, d.l2_bytes, d.l3_bytes);
  }
  return fmt::format("cuda/{}/{}/sms={}/l2={}", d.name, d.arch, d.units, d.l2_bytes);
}

DeviceProperties properties_of_arch(std::string_view arch) {
  const auto limits = std::ranges::find(arch_limits, without_suffix(arch), &ArchLimits::arch);
  const std::string_view suffix =
      limits == arch_limits.end() ? arch : arch.substr(limits->arch.size());
  const bool known =
      limits != arch_limits.end() &&
      (suffix.empty() || (suffix == "a" && capability_of(*limits) >= first_with_suffix));
  if (!known) {
    std::string names;
    for (const ArchLimits& each : arch_limits) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", each.arch);
    }
    throw Error(
        Status::invalid,
        fmt::format("'{}' is no known architecture; known are {}, from sm_{} on with an a too",
                    arch, names, first_with_suffix));
  }
  const int capability = capability_of(*limits);
  const bool turing = capability < 80;
  const std::int64_t reserved = turing ? 0 : KiB;
  return {
      .kind = DeviceKind::cuda,
      .name = std::string(limits->product),
      .arch = std::string(arch),
      .units = limits->sms,
      .l2_bytes = limits->l2_bytes,
      .compute_major = capability / 10,
      .compute_minor = capability % 10,
      .max_threads_per_block = 1024,
      .max_threads_per_sm = limits->threads_per_sm,
      .max_blocks_per_sm = limits->blocks_per_sm,
      .registers_per_block = 65536,
      .registers_per_sm = 65536,
      .shared_per_block = 48 * KiB,
      .shared_per_block_optin = limits->shared_per_sm - reserved,
      .shared_per_sm = limits->shared_per_sm,
      .reserved_shared_per_block = reserved,
  };
}

}  // namespace convtune
