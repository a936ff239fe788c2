#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "generator/candidates.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/targets.hpp"

namespace convtune {

/// The generated CPU families.
inline const std::vector<const Family*> families = {&cpu_bf16(), &cpu_depthwise(), &cpu_direct(),
                                                    &cpu_length(), &cpu_winograd()};

inline DeviceProperties device_of(std::string_view arch) {
  DeviceProperties device;
  device.arch = arch;
  device.units = 2;
  return device;
}

/// What the space has for a problem on a SIMD target.
inline std::vector<Candidate> candidates_of(const Problem& problem, std::string_view arch) {
  return enumerate(problem, device_of(arch), families).candidates;
}

/// Whether 16 channels of a row of NCL, or of what enough outputs read, fit into 6144 floats.
inline bool fit_when_turned(const Problem& problem) {
  constexpr std::int64_t most = 384;
  const std::int64_t reach = (problem.kernel_size - 1) * problem.dilation;
  if (problem.length <= most && output_length(problem) <= most) return true;
  const std::int64_t read = std::min(reach, problem.length);
  std::int64_t outputs = most;
  if (problem.length > most) {
    for (outputs = 0; outputs * problem.stride + reach < most;) ++outputs;
  }
  return outputs >= output_length(problem) || (outputs > 0 && outputs * problem.stride >= read);
}

/// Whether rows of NCL are so short, or their taps so many, that cpu_depthwise turns them.
inline bool are_turned(const Problem& problem, std::string_view arch) {
  const bool is_float = problem.dtype == DType::float32;
  const bool is_short = problem.length <= (is_float ? 256 : 128);
  const bool is_long =
      problem.length <= 2048 && problem.kernel_size >= (is_float ? 7 : 24) * problem.stride;
  return problem.length <= 48 || (problem.out_channels == problem.in_channels &&
                                  problem.out_channels >= lanes_of(arch) && (is_short || is_long));
}

/// Which families serve a problem on a SIMD target.
inline std::set<const Family*> families_for(const Problem& problem, std::string_view arch) {
  std::set<const Family*> serving = {&cpu_direct()};
  const std::int64_t channels = out_channels_per_group(problem);
  const Bf16Unit unit = bf16_unit_of(arch);
  const bool is_bf16 = problem.dtype == DType::bfloat16;
  const std::int64_t products = in_channels_per_group(problem) * problem.kernel_size;
  const bool by_tiles = unit == Bf16Unit::tiles && products >= 16;
  const bool by_vectors = unit == Bf16Unit::vectors && is_bf16 && products >= 8;
  if (channels >= 8 && (by_tiles || by_vectors)) {
    serving.insert(&cpu_bf16());
  }
  if (is_depthwise(problem) &&
      (problem.layout == Layout::NLC || (fit_when_turned(problem) && are_turned(problem, arch)))) {
    serving.insert(&cpu_depthwise());
  }
  const bool one_channel = problem.in_channels == 1 && problem.out_channels == 1;
  if ((problem.layout == Layout::NCL || one_channel) &&
      2 * output_length(problem) >= std::min<std::int64_t>(channels, lanes_of(arch))) {
    serving.insert(&cpu_length());
  }
  if (serves_winograd(problem) && std::min(channels, in_channels_per_group(problem)) >= 32 &&
      lanes_of(arch) > 1) {
    serving.insert(&cpu_winograd());
  }
  return serving;
}

/// The values of each parameter, by "family.parameter".
using Values = std::map<std::string, std::set<std::int64_t>>;

inline void note(Values& values, const Config& config) {
  for (const Setting& s : config.settings) values[config.family + "." + s.name].insert(s.value);
}

inline Values declared_values(const std::vector<const Family*>& of_families) {
  Values declared;
  for (const Family* family : of_families) {
    for (const Parameter& parameter : family->parameters) {
      declared[std::string(family->name) + "." + std::string(parameter.name)].insert(
          parameter.values.begin(), parameter.values.end());
    }
  }
  return declared;
}

}  // namespace convtune
