#include "kernels/cpu/bf16_unit.hpp"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace convtune {
namespace {

#if defined(__x86_64__) && defined(__linux__)

bool cpu_has_tiles() {
  constexpr unsigned amx_bf16 = 1U << 22, amx_tile = 1U << 24;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & amx_bf16) != 0 && (d & amx_tile) != 0;
}

// The numbers are those of Linux's asm/prctl.h, which Debian 12's headers have and older ones lack.
bool linux_grants_tiles() {
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

Bf16Unit ask() {
  if (!__builtin_cpu_supports("avx512bf16")) return Bf16Unit::none;
  return cpu_has_tiles() && linux_grants_tiles() ? Bf16Unit::tiles : Bf16Unit::vectors;
}

#else

Bf16Unit ask() { return Bf16Unit::none; }

#endif

}  // namespace

Bf16Unit bf16_unit() {
  static const Bf16Unit unit = ask();
  return unit;
}

}  // namespace convtune
