#pragma once

#include <optional>

#include "kernels/device_properties.hpp"
#include "kernels/problem.hpp"
#include "results/record.hpp"
#include "tuner/eta.hpp"
#include "tuner/sweep_options.hpp"

namespace convtune {

/// What tuning a problem on a device is estimated to take. `known` is the verdict that the database
/// has: none of the work if its search came to its end.
LayerWork estimate_work(const Problem& problem, const DeviceProperties& device,
                        const SweepOptions& options, const std::optional<Verdict>& known);

/// Whole seconds that a slow or busy machine may take for a problem's inputs and what is expected
/// of them, which a worker makes within the limit of its first candidate.
double workload_allowance(const Problem& problem);

}  // namespace convtune
