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

namespace {

constexpr std::string_view tiles = "+AMX", vectors = "+BF16";

std::string_view lanes_alone(std::string_view target) { return target.substr(0, target.find('+')); }

}  // namespace

std::string cpu_target() {
  std::string target = HWY_DYNAMIC_DISPATCH(target_name)();
  if (bf16_unit() == Bf16Unit::tiles) target += tiles;
  if (bf16_unit() == Bf16Unit::vectors) target += vectors;
  return target;
}

Bf16Unit bf16_unit_of(std::string_view target) {
  if (target.ends_with(tiles)) return Bf16Unit::tiles;
  return target.ends_with(vectors) ? Bf16Unit::vectors : Bf16Unit::none;
}

int lanes_of(std::string_view target) {
  target = lanes_alone(target);
  if (target == "AVX3") return 16;
  if (target == "AVX2") return 8;
  return target == "NEON" || target == "EMU128" ? 4 : 1;
}

int registers_of(std::string_view target) {
  target = lanes_alone(target);
  return target == "AVX3" || target == "NEON" ? 32 : 16;
}

}  // namespace convtune
#endif
