#pragma once

#include <optional>
#include <string>

#include "kernels/device_properties.hpp"

namespace convtune {

/// What this program was built from and with.
struct BuildInfo {
  std::string version;   ///< "0.1.0", or as cmake/Version.cmake words what is no release
  std::string commit;    ///< "0123456789ab", with "-dirty" if files differed from it, or "unknown"
  std::string compiler;  ///< "g++ 12.2.0"
  std::string flags;     ///< those of CMake's build type: "-O3 -DNDEBUG"
};
BuildInfo build_info();

/// The libraries that kernels and results depend on, each with its version, as they are loaded now:
/// "fmt 9.1.0; Highway 1.0.3; SQLite 3.40.1; oneDNN 2.6.3". The vendors' are those of `kind`, or of
/// all devices without one; those that are not installed are left out.
std::string library_versions(std::optional<DeviceKind> kind = std::nullopt);

/// Written by cmake/Commit.cmake.
const char* source_commit();

}  // namespace convtune
