#pragma once

#include "kernels/cpu/targets.hpp"  // before all of Highway

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/problem.hpp"

namespace convtune {

/// The compiled SIMD targets that this CPU runs, the baseline included.
inline std::vector<std::int64_t> runnable_targets() {
  std::vector<std::int64_t> targets = {HWY_STATIC_TARGET};
  for (const std::int64_t target : {HWY_NEON, HWY_AVX2, HWY_AVX3}) {
    const bool runs = (HWY_TARGETS & hwy::SupportedTargets() & target) != 0;
    if (runs && target != HWY_STATIC_TARGET) targets.push_back(target);
  }
  return targets;
}

/// A target with a type and a layout.
using Variant = std::tuple<std::int64_t, DType, Layout>;

inline auto every_variant() {
  return testing::Combine(testing::ValuesIn(runnable_targets()),
                          testing::Values(DType::float32, DType::float16, DType::bfloat16),
                          testing::Values(Layout::NLC, Layout::NCL));
}

inline std::string name_of_variant(const testing::TestParamInfo<Variant>& info) {
  const auto& [target, dtype, layout] = info.param;
  return std::string(hwy::TargetName(target)) + "_" + std::string(name(dtype)) + "_" +
         std::string(name(layout));
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
