#pragma once

/// Which of Highway's targets are compiled, of those that any version has: AVX2, AVX-512 ("AVX3"),
/// NEON, and what is without vectors where none of them runs. Scalable vectors cannot be kept in
/// arrays, the SSE targets round to binary16 wrongly, and nothing here uses what later AVX-512
/// adds. Include this before any header of Highway.
#define CONVTUNE_TARGETS (HWY_AVX2 | HWY_NEON | HWY_EMU128 | HWY_SCALAR)

// AVX-512 doubles the minutes that a sanitized build takes, and runs the same source as AVX2.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HWY_DISABLED_TARGETS (~CONVTUNE_TARGETS)
#else
#define HWY_DISABLED_TARGETS (~(CONVTUNE_TARGETS | HWY_AVX3))
#endif

#include <string>
#include <string_view>

#include "kernels/cpu/bf16_unit.hpp"

namespace convtune {

/// The best compiled target that this CPU runs: "AVX3", "AVX2", "NEON", "SCALAR"; behind it "+AMX"
/// or "+BF16" where bf16_unit() is tiles or vectors.
std::string cpu_target();
Bf16Unit bf16_unit_of(std::string_view target);

/// float32 lanes of a vector, and vector registers, of a target by name; the baseline's for a name
/// that is none of the above.
int lanes_of(std::string_view target);
int registers_of(std::string_view target);

}  // namespace convtune
