#include "kernels/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/targets.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace convtune::HWY_NAMESPACE {

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace convtune::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace convtune {

HWY_EXPORT(target_name);

std::string cpu_target() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

int lanes_of(std::string_view target) {
  if (target == "AVX3") return 16;
  if (target == "AVX2") return 8;
  return target == "NEON" || target == "EMU128" ? 4 : 1;
}

int registers_of(std::string_view target) { return target == "AVX3" || target == "NEON" ? 32 : 16; }

}  // namespace convtune
#endif
