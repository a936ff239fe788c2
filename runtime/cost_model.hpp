#pragma once

#include "generator/candidates.hpp"
#include "kernels/device_properties.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Seconds that a device of this kind needs at best for that much traffic and arithmetic (the
/// roofline, from data-sheet rates of its architecture, times its units). Good enough to rank
/// candidates of one problem, and to scale a measured time to a similar problem; never a result.
double estimated_seconds(const Cost& cost, const DeviceProperties& device);
double estimated_seconds(const Problem& problem, const Candidate& candidate,
                         const DeviceProperties& device);

/// Seconds below which no run of that cost can stay, whatever the device's clock and however much
/// of its data the caches hold: a shorter time is no measurement. Between a tenth of what the best
/// devices of a kind reach and what they do.
double least_seconds(const Cost& cost, const DeviceProperties& device);

}  // namespace convtune
