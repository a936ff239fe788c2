#include "kernels/family.hpp"

#include "kernels/cuda/source.hpp"

namespace convtune {

std::string_view name(Origin origin) {
  return origin == Origin::generated ? "generated" : "vendor";
}

const Constraint* broken_constraint(const Family& family, const Problem& problem,
                                    const Config& config, const DeviceProperties& device) {
  for (const Constraint& constraint : family.constraints) {
    if (!constraint.holds(problem, config, device)) return &constraint;
  }
  return nullptr;
}

std::string source_digest(const Family& family, const Problem& problem, const Config& config,
                          const DeviceProperties& device) {
  if (family.source_digest != nullptr) return family.source_digest(problem, config, device);
  return write_source(*family.cuda, problem, config, device).digest;
}

}  // namespace convtune
