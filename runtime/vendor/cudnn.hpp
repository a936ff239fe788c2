#pragma once

#include "kernels/family.hpp"

namespace convtune {

/// The vendor family `cudnn`: cuDNN's forward convolution, with bias and activation fused. A
/// config's `choice` is an index of cudnn_engines(); its source digest names engine and knobs.
const Family& cudnn();

}  // namespace convtune
