#pragma once

#include <memory>
#include <string>

#include "results/store.hpp"
#include "runtime/plan.hpp"

namespace convtune::cli {

inline constexpr const char* database_help =
    "Database file; without, the user's, then the system's";

/// The tuned plans of --db; of the user's and the system's databases if that is empty. Throws
/// Error{storage} if there is no such database.
inline std::shared_ptr<const PlanSource> plans_of(const std::string& database) {
  if (database.empty()) return default_plan_source();
  return std::make_shared<const Store>(database, Store::Access::read);
}

}  // namespace convtune::cli
