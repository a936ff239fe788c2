#pragma once

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/kernels/cuda/kernel_check.hpp"

namespace convtune {

/// Layers of known models, but with a length and a batch, and in three cases a number of groups,
/// that the emulator computes in a second.
std::vector<Problem> real_layers();

/// A layer in the types of a kernel that serves it.
template <class Kernel>
struct ServedLayer {
  Problem problem;
  const Kernel* kernel = nullptr;
  Cost cost;
};

/// `layer` by the cheapest of `kernels`, if one serves it. `chosen` is what the host twin
/// instantiates for a problem and a config.
template <class Kernels, class ConfigFor, class Chosen>
auto cheapest(const Family& family, const DeviceProperties& device, const Kernels& kernels,
              const ConfigFor& config_for, const Chosen& chosen, const Problem& layer) {
  ServedLayer<typename Kernels::value_type> best;
  for (const auto& kernel : kernels) {
    const Config config = config_for(kernel.config);
    Problem problem = layer;
    problem.dtype = kernel.config.dtype;
    problem.layout = kernel.config.layout;
    problem.activation = kernel.config.activation;
    if constexpr (requires { kernel.config.math; }) problem.math = kernel.config.math;
    if (broken_constraint(family, problem, config, device) != nullptr ||
        chosen(problem, config) != kernel.config)
      continue;
    const Cost cost = family.cost(problem, config, {});
    const double most_flops = cost.arithmetic == Arithmetic::lanes ? 2.5e7 : 1.1e8;
    if (cost.flops < (best.kernel == nullptr ? most_flops : best.cost.flops))
      best = {problem, &kernel, cost};
  }
  return best;
}

/// Expects the bytes of the cost to be within 1 % of those that main memory would move, for each
/// layer by the cheapest of `kernels`. Returns how many they serve.
template <class Kernels, class ConfigFor, class Chosen>
int expect_counted_bytes(const Family& family, const DeviceProperties& device,
                         const Kernels& kernels, const ConfigFor& config_for,
                         const Chosen& chosen) {
  int served = 0;
  for (const Problem& layer : real_layers()) {
    const auto best = cheapest(family, device, kernels, config_for, chosen, layer);
    if (best.kernel == nullptr) continue;
    ++served;
    std::mt19937 random(1);
    const Config config = config_for(best.kernel->config);
    const emulator::Report report = check_kernel(family, best.problem, config, best.kernel->thread,
                                                 Data::integers, random, device.units);
    EXPECT_NEAR(static_cast<double>(report.sector_bytes), best.cost.bytes, 0.01 * best.cost.bytes)
        << describe(best.problem) << " " << to_text(config);
  }
  return served;
}

}  // namespace convtune
