#include "tuner/run_record.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <random>

#include "generator/cubin_cache.hpp"
#include "tuner/build_info.hpp"
#include "tuner/sweep.hpp"

namespace convtune {

Run describe_run(const DeviceProperties& device, std::string command, std::uint64_t seed) {
  utsname host{};
  uname(&host);
  std::random_device random;
  const std::string now = utc_now();
  const BuildInfo build = build_info();
  const bool on_gpu = device.kind == DeviceKind::cuda;
  return {.id = fmt::format("{}-{:08x}", now, random()),
          .device = identity(device),
          .tool_version = build.version,
          .tool_commit = build.commit,
          .command = std::move(command),
          .host_os = fmt::format("{} {} {}", host.sysname, host.release, host.machine),
          .compiler = build.compiler,
          .build_flags = build.flags,
          .libraries = library_versions(device.kind),
          .driver = device.driver,
          .nvrtc = on_gpu ? kernel_compiler() : "",
          .started_at = now,
          .seed = seed};
}

}  // namespace convtune
