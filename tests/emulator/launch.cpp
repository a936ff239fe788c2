#include "tests/emulator/launch.hpp"

#include <fmt/format.h>

#include <optional>

#include "tests/emulator/cluster.hpp"

namespace convtune::emulator {
namespace {

std::optional<std::string> refused(const LaunchGeometry& g) {
  if (g.grid[1] != 1 || g.grid[2] != 1 || g.block[1] != 1 || g.block[2] != 1)
    return "the grid and the block must be linear";
  if (g.grid[0] == 0 || g.block[0] == 0 || g.block[0] > 1024)
    return fmt::format("{} blocks of {} threads cannot be launched", g.grid[0], g.block[0]);
  if (g.shared_bytes > SharedMemory::limit)
    return fmt::format("{} bytes of shared memory are more than a block can have", g.shared_bytes);
  if (g.cluster == 0 || g.cluster > 8 || g.grid[0] % g.cluster != 0)
    return fmt::format("{} blocks do not make clusters of {}", g.grid[0], g.cluster);
  if (g.cluster > 1 && g.block[0] % 32 != 0)
    return fmt::format("clusters of blocks of {} threads, not whole warps, are not emulated",
                       g.block[0]);
  return std::nullopt;
}

}  // namespace

Report launch(const LaunchGeometry& geometry, const std::function<void()>& thread,
              const Options& options) {
  if (const auto reason = refused(geometry)) return {.error = *reason};
  counts = {};
  running.blocks = geometry.grid[0];
  Cluster cluster(geometry, thread, options);
  Report report;
  for (unsigned i = 0; i < geometry.grid[0] && report.error.empty(); i += geometry.cluster)
    report.error = cluster.run(i);
  report.counts = counts;
  report.sector_bytes = cluster.global.sector_bytes();
  return report;
}

bool detects_races() {
#ifdef CONVTUNE_SEES_PLAIN_ACCESSES
  return true;
#else
  return false;
#endif
}

}  // namespace convtune::emulator
