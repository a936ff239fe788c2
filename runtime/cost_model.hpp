#pragma once

#include "kernels/device_properties.hpp"
#include "kernels/family.hpp"

namespace convtune {

/// Seconds that a device of this kind needs at best for that much traffic and arithmetic (the
/// roofline, from data-sheet rates of its architecture, times its units). Good enough to rank
/// candidates of one problem, and to scale a measured time to a similar problem; never a result.
double estimated_seconds(const Cost& cost, const DeviceProperties& device);

}  // namespace convtune
