#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/backend.hpp"

namespace convtune {

/// Host copies of a module's weights, in the problem's dtype and layout.
struct HostWeights {
  std::vector<std::byte> filter;
  std::vector<std::byte> bias;  ///< empty without one
  std::string contents = {};    ///< contents_name() of both, or empty

  const void* bias_data() const { return bias.empty() ? nullptr : bias.data(); }
};

/// A shape that can be run.
struct Served {
  Plan plan;
  std::unique_ptr<Executable> executable;
};

/// What a policy makes of a problem: the device's plan, or, without one, the CPU and why.
struct Decision {
  std::optional<Plan> plan;
  std::string why_cpu;
};

/// Chooses among tuned plans and the cost model. With Policy::error, throws Error{unavailable} for
/// a problem that has no exact plan.
Decision decide(const Backend& backend, const Problem& problem, Policy policy);

/// The plan that serve() would try first, the CPU's included.
Plan first_choice(const Backend& backend, const Problem& problem, Policy policy);

/// Prepares what was decided, for x and y of that alignment in bytes. A candidate that cannot be
/// had here, or needs more alignment, is replaced by the next best of the device and then by the
/// CPU; `why` then says so. With Policy::error, throws Error{unavailable} instead of going to the
/// CPU.
Served serve(const Backend& backend, const Problem& problem, Policy policy,
             const Decision& decision, const HostWeights& weights, std::size_t alignment);

/// The CPU's plan, run where the backend's device keeps x and y.
Served serve_on_cpu(const Backend& backend, const Problem& problem, const std::string& why,
                    const HostWeights& weights);

}  // namespace convtune
