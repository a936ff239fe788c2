#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string_view>

#include "kernels/family.hpp"

namespace convtune {

// What the tests of CUDA families share about the problems that they draw and the kernels that the
// host's compiler built.

/// Whether a drawn length is one at all, and leaves an output.
inline bool has_output(const Problem& problem) {
  return problem.length >= 1 && problem.length + problem.padding.left + problem.padding.right >
                                    problem.dilation * (problem.kernel_size - 1);
}

/// The name of the first constraint that is broken; empty if none is.
inline std::string_view broken_by(const Family& family, const Problem& problem,
                                  const Config& config, const DeviceProperties& device) {
  const Constraint* broken = broken_constraint(family, problem, config, device);
  return broken == nullptr ? std::string_view() : broken->name;
}

inline std::string_view broken_by_default(const Family& family, const Problem& problem,
                                          const DeviceProperties& device) {
  return broken_by(family, problem, family.default_config(problem, device), device);
}

/// Expects the configs of `kernels` to have every value of every parameter, and no other.
template <class Kernels, class ConfigFor>
void expect_every_value(const Family& family, const Kernels& kernels, const ConfigFor& config_for) {
  for (const Parameter& parameter : family.parameters) {
    std::set<std::int64_t> values;
    for (const auto& kernel : kernels) values.insert(config_for(kernel.config).at(parameter.name));
    EXPECT_EQ(values, std::set(parameter.values.begin(), parameter.values.end())) << parameter.name;
  }
}

}  // namespace convtune
