#pragma once

#include <cstdlib>
#include <cstring>

namespace convtune {

/// How often a fault is made: `quick` in every test run, `full` where CONVTUNE_FAULTS is "long".
inline int fault_count(int quick, int full) {
  const char* variable = std::getenv("CONVTUNE_FAULTS");
  return variable != nullptr && std::strcmp(variable, "long") == 0 ? full : quick;
}

}  // namespace convtune
