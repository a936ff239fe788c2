#pragma once

#include "kernels/family.hpp"

namespace convtune {

/// The generated CPU families; kernels/families.cpp lists them.
const Family& cpu_bf16();
const Family& cpu_depthwise();
const Family& cpu_direct();
const Family& cpu_length();
const Family& cpu_winograd();

/// Throws Error{failed}: the config breaks a constraint of its family on this CPU.
[[noreturn]] void refuse_config(const Problem& problem, const Config& config);

}  // namespace convtune
