#include "kernels/cpu/families.hpp"

#include <fmt/format.h>

#include "kernels/cpu/targets.hpp"
#include "kernels/error.hpp"

namespace convtune {

void refuse_config(const Problem& problem, const Config& config) {
  throw Error(Status::failed,
              fmt::format("{} cannot run {} on {}: take a config that keeps the family's "
                          "constraints on this CPU",
                          to_text(config), describe(problem), cpu_target()));
}

}  // namespace convtune
