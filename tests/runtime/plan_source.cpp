#include "runtime/plan.hpp"

namespace convtune {

/// The layer above owns the database; the tests of this one have none.
std::shared_ptr<const PlanSource> default_plan_source() { return nullptr; }

}  // namespace convtune
