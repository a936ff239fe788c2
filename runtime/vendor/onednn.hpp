#pragma once

#include "kernels/family.hpp"

namespace convtune {

/// The vendor family `onednn`: oneDNN's convolution primitive for float32 and bfloat16.
const Family& onednn();

}  // namespace convtune
