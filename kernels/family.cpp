#include "kernels/family.hpp"

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

}  // namespace convtune
