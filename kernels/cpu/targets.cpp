#include "kernels/cpu/targets.hpp"

#include "kernels/cpu/amx_permission.hpp"

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

namespace {

constexpr std::string_view amx = "+AMX";

std::string_view without_amx(std::string_view target) {
  if (has_amx(target)) target.remove_suffix(amx.size());
  return target;
}

}  // namespace

std::string cpu_target() {
  std::string target = HWY_DYNAMIC_DISPATCH(target_name)();
  if (amx_granted()) target += amx;
  return target;
}

bool has_amx(std::string_view target) { return target.ends_with(amx); }

int lanes_of(std::string_view target) {
  target = without_amx(target);
  if (target == "AVX3") return 16;
  if (target == "AVX2") return 8;
  return target == "NEON" || target == "EMU128" ? 4 : 1;
}

int registers_of(std::string_view target) {
  target = without_amx(target);
  return target == "AVX3" || target == "NEON" ? 32 : 16;
}

}  // namespace convtune
#endif
