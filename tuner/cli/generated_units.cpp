#include "tuner/cli/generated_units.hpp"

#include <nlohmann/json.hpp>

#include "tuner/ahead_of_time.hpp"

namespace convtune::cli {

std::string generated_units(const Store& store) {
  nlohmann::json units = nlohmann::json::object();
  for (const CompileUnit& unit : winning_units(store)) {
    units[unit.source.digest] = unit.source.text;
  }
  return units.dump();
}

}  // namespace convtune::cli
