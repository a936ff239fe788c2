#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/family.hpp"

namespace convtune {

/// The generated CPU families; kernels/families.cpp lists them.
const Family& cpu_bf16();
const Family& cpu_depthwise();
const Family& cpu_direct();
const Family& cpu_length();
const Family& cpu_winograd();

/// The smallest of a parameter's rising `values` that covers `size`, or the largest.
template <class Values>
std::int64_t covering(const Values& values, std::int64_t size) {
  const auto it = std::lower_bound(values.begin(), values.end(), size);
  return it == values.end() ? values.back() : *it;
}

/// Throws Error{failed}: the config breaks a constraint of its family on this CPU.
[[noreturn]] void refuse_config(const Problem& problem, const Config& config);

}  // namespace convtune
