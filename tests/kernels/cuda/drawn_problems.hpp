#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <tuple>

#include "kernels/family.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"

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

/// Expects `kernels` to have every activation, that many kinds of products (dtype, math and
/// layout), and indices of both widths, if they have a choice.
template <class Kernels>
void expect_every_type(const Kernels& kernels, std::size_t kinds_of_products) {
  std::set<Activation> activations;
  std::set<std::tuple<DType, Math, Layout>> products;
  std::set<int> index_bits;
  for (const auto& kernel : kernels) {
    const auto& c = kernel.config;
    activations.insert(c.activation);
    Math math = Math::ieee;
    if constexpr (requires { c.math; }) math = c.math;
    products.insert({c.dtype, math, c.layout});
    if constexpr (requires { c.index_bits; }) index_bits.insert(c.index_bits);
  }
  EXPECT_EQ(activations.size(), 6U);
  EXPECT_EQ(products.size(), kinds_of_products);
  EXPECT_TRUE(index_bits.empty() || index_bits == std::set({32, 64}));
}

/// How a family's test draws problems for the kernels that the host's compiler built.
template <class FamilyConfig>
struct Draw {
  const Family& family;
  const DeviceProperties& device;
  Problem (*problem)(const FamilyConfig&, std::mt19937&);
  bool (*suits)(const Problem&);  ///< whether it is one, and soon emulated
  Config (*config_for)(const FamilyConfig&);
  FamilyConfig (*baked)(const Problem&, const Config&);
};

/// A drawn problem that the host twin would serve with exactly that kernel, wide indices aside.
template <class FamilyConfig>
std::optional<Problem> draw_problem_for(const FamilyConfig& kernel, const Draw<FamilyConfig>& draw,
                                        std::mt19937& random) {
  const Config config = draw.config_for(kernel);
  for (int attempt = 0; attempt < 50000; ++attempt) {
    const Problem problem = draw.problem(kernel, random);
    if (!has_output(problem) || !draw.suits(problem)) continue;
    if (!broken_by(draw.family, problem, config, draw.device).empty()) continue;
    FamilyConfig baked = draw.baked(problem, config);
    baked.index_bits = kernel.index_bits;
    if (baked == kernel) return problem;
  }
  return std::nullopt;
}

/// Runs that many drawn problems in the emulator, a third of them with each kind of Data;
/// integers in place of infinities where those do not pass through.
template <class FamilyConfig>
void expect_reference(const HostKernel<FamilyConfig>& kernel, const Draw<FamilyConfig>& draw,
                      int problems, std::size_t seed, bool keeps_infinities = true) {
  std::mt19937 random(static_cast<unsigned>(seed));
  for (int i = 0; i < problems; ++i) {
    const auto problem = draw_problem_for(kernel.config, draw, random);
    ASSERT_TRUE(problem) << "no drawn problem needs this kernel";
    const auto data = static_cast<Data>(i % 3);
    check_kernel(draw.family, *problem, draw.config_for(kernel.config), kernel.thread,
                 data == Data::infinities && !keeps_infinities ? Data::integers : data, random);
  }
}

}  // namespace convtune
