#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "kernels/reference.hpp"

namespace convtune {

/// One random input and what the oracle says of it.
struct WorkloadInput {
  std::vector<std::byte> x;
  std::vector<std::int64_t> indices;     ///< outputs that are checked
  std::vector<ReferenceValue> expected;  ///< of those
  /// Likewise, with_winograd_magnitudes(); empty unless the problem serves_winograd().
  std::vector<ReferenceValue> expected_by_winograd;
};

/// What a candidate is measured on: random weights, and two inputs, so that a kernel which kept
/// anything of the first is caught by the second. Values are uniform in [−1, 1), rounded to the
/// problem's dtype.
struct Workload {
  Problem problem;
  std::uint64_t seed = 0;
  std::vector<std::byte> weight;
  std::vector<std::byte> bias;  ///< empty without one
  std::array<WorkloadInput, 2> inputs;

  const void* bias_data() const { return bias.empty() ? nullptr : bias.data(); }
};

/// The same for the same problem and seed. make_random_arrays() leaves out what the oracle says.
Workload make_workload(const Problem& problem, std::uint64_t seed);
Workload make_random_arrays(const Problem& problem, std::uint64_t seed);

/// Upper bound of the host bytes that measuring the problem takes: the workload, the oracle's
/// copies, packed weights, and the output with its guard bands. Saturates.
std::int64_t workload_bytes(const Problem& problem);

/// Host memory that can still be taken without swapping, in bytes: MemAvailable, and the limits of
/// the process and of its container, whose control group (version 2) is that folder.
std::int64_t available_memory(const std::filesystem::path& cgroup = "/sys/fs/cgroup");

}  // namespace convtune
