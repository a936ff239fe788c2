#pragma once

#include "kernels/cpu/targets.hpp"  // before all of Highway

#include <hwy/highway.h>

#include <vector>

namespace convtune {

/// The compiled SIMD targets that this CPU runs, the baseline included.
inline std::vector<std::int64_t> runnable_targets() {
  std::vector<std::int64_t> targets;
  for (const std::int64_t target : {HWY_AVX3, HWY_AVX2, HWY_NEON, HWY_STATIC_TARGET}) {
    const bool runs = (hwy::SupportedTargets() & target) != 0 || target == HWY_STATIC_TARGET;
    if (runs && (HWY_TARGETS & target) != 0) targets.push_back(target);
  }
  return targets;
}

/// While it lives, kernels are prepared for `target`.
class ForcedTarget {
 public:
  explicit ForcedTarget(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
  }
  ~ForcedTarget() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ForcedTarget(const ForcedTarget&) = delete;
  ForcedTarget& operator=(const ForcedTarget&) = delete;
};

}  // namespace convtune
