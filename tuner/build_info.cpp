#include "tuner/build_info.hpp"

#include <convtune/convtune.h>
#include <fmt/format.h>
#include <hwy/highway.h>
#include <sqlite3.h>

#include "kernels/error.hpp"
#include "runtime/device.hpp"

namespace convtune {
namespace {

#if defined(__clang__)
constexpr const char* compiler = __VERSION__;  // names itself
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

std::string fmt_version() {
  return fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
}

}  // namespace

BuildInfo build_info() {
  return {.version = convtune_version(),
          .commit = source_commit(),
          .compiler = compiler,
          .flags = CONVTUNE_BUILD_FLAGS};
}

std::string library_versions(std::optional<DeviceKind> kind) {
  std::string versions = fmt::format("fmt {}; Highway {}.{}.{}; SQLite {}", fmt_version(),
                                     HWY_MAJOR, HWY_MINOR, HWY_PATCH, sqlite3_libversion());
  for (const Family* family : all_families()) {
    if (family->origin != Origin::vendor || (kind && family->device != *kind)) continue;
    try {
      versions += "; " + family->library();
    } catch (const Error&) {  // not installed: its family does not run either
    }
  }
  return versions;
}

}  // namespace convtune
