#pragma once

#include "kernels/family.hpp"

namespace convtune {

/// The generated CPU families; kernels/families.cpp lists them.
const Family& cpu_depthwise();
const Family& cpu_direct();
const Family& cpu_length();

}  // namespace convtune
