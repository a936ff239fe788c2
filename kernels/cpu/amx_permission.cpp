#include "kernels/cpu/amx_permission.hpp"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace convtune {
namespace {

#if defined(__x86_64__) && defined(__linux__)

bool cpu_has_amx() {
  constexpr unsigned amx_bf16 = 1U << 22, amx_tile = 1U << 24, avx512_bf16 = 1U << 5;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & amx_bf16) == 0 || (d & amx_tile) == 0) {
    return false;
  }
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & avx512_bf16) != 0;
}

// The numbers are those of Linux's asm/prctl.h, which Debian 12's headers have and older ones lack.
bool linux_grants_tiles() {
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

bool ask() { return cpu_has_amx() && linux_grants_tiles(); }

#else

bool ask() { return false; }

#endif

}  // namespace

bool amx_granted() {
  static const bool granted = ask();
  return granted;
}

}  // namespace convtune
