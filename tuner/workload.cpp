#include "tuner/workload.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include <sys/resource.h>

#include "kernels/checked.hpp"
#include "kernels/outputs_to_check.hpp"
#include "kernels/winograd_magnitudes.hpp"
#include "tuner/timer.hpp"

namespace convtune {
namespace {

std::vector<std::byte> random_array(std::int64_t elements, DType dtype, std::mt19937_64& random) {
  std::vector<std::byte> array(static_cast<std::size_t>(elements) * size_of(dtype));
  constexpr float scale = 0x1p-23F;
  for (std::int64_t i = 0; i < elements; ++i) {
    const auto bits = static_cast<std::int32_t>(random() >> 40);
    store_element(array.data(), dtype, i, static_cast<float>(bits - (1 << 23)) * scale);
  }
  return array;
}

/// The number behind a word of a file.
std::optional<std::int64_t> number_after(std::string_view wanted,
                                         const std::filesystem::path& file) {
  std::ifstream words(file);
  std::int64_t number = 0;
  for (std::string word; words >> word;) {
    if (word == wanted && words >> number) return number;
  }
  return std::nullopt;
}

}  // namespace

Workload make_random_arrays(const Problem& problem, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Workload workload{.problem = problem, .seed = seed};
  workload.weight = random_array(weight_elements(problem), problem.dtype, random);
  if (problem.has_bias) workload.bias = random_array(problem.out_channels, problem.dtype, random);
  for (WorkloadInput& input : workload.inputs) {
    input.x = random_array(input_elements(problem), problem.dtype, random);
  }
  return workload;
}

Workload make_workload(const Problem& problem, std::uint64_t seed) {
  Workload workload = make_random_arrays(problem, seed);
  const std::vector<std::int64_t> indices = outputs_to_check(problem, seed);
  for (WorkloadInput& input : workload.inputs) {
    input.indices = indices;
    input.expected = reference_at(problem, input.x.data(), workload.weight.data(),
                                  workload.bias_data(), input.indices);
    if (!serves_winograd(problem)) continue;
    input.expected_by_winograd =
        with_winograd_magnitudes(problem, input.x.data(), workload.weight.data(),
                                 workload.bias_data(), input.indices, input.expected);
  }
  return workload;
}

std::int64_t workload_bytes(const Problem& problem) {
  const auto element = static_cast<std::int64_t>(size_of(problem.dtype));
  constexpr std::int64_t oracle_element = sizeof(float);
  constexpr std::int64_t checked_bytes = sizeof(std::int64_t) + sizeof(ReferenceValue);
  // Twice what is expected, and what lies near each output.
  const std::int64_t by_winograd = serves_winograd(problem) ? 1 : 0;
  const Checked near = Checked(problem.batch) * output_length(problem) * problem.in_channels +
                       Checked(problem.out_channels) * in_channels_per_group(problem);
  const Checked bytes =
      Checked(input_elements(problem)) * (5 * element + oracle_element) +
      Checked(weight_elements(problem)) * (4 * element + oracle_element) +
      Checked(output_elements(problem)) * (3 * element) +
      Checked(most_outputs_to_check(problem)) * (2 * checked_bytes * (1 + by_winograd)) +
      near * (by_winograd * oracle_element) + Checked(placement_bytes);
  return bytes.value().value_or(INT64_MAX);
}

std::int64_t available_memory(const std::filesystem::path& cgroup) {
  std::int64_t available = INT64_MAX;
  if (const auto kibibytes = number_after("MemAvailable:", "/proc/meminfo")) {
    available = *kibibytes * 1024;
  }
  // A container's limit; without one the file has a word, or is not there.
  std::int64_t allowed = 0;
  std::int64_t used = 0;
  std::ifstream(cgroup / "memory.current") >> used;
  if (std::ifstream(cgroup / "memory.max") >> allowed) {
    // Copies of files count as used, such as a build leaves, but go when memory is wanted.
    const auto files = [&](const char* list) {
      return number_after(list, cgroup / "memory.stat").value_or(0);
    };
    available = std::min(available, allowed - used + files("active_file") + files("inactive_file"));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    available = std::min(available, static_cast<std::int64_t>(limit.rlim_cur));
  }
  return available;
}

}  // namespace convtune
