#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "generator/compiler.hpp"
#include "generator/occupancy.hpp"
#include "results/store.hpp"
#include "tuner/layers.hpp"

namespace convtune {

/// One cubin to be: whatever serves several candidates or layers counts once.
struct CompileUnit {
  std::string arch;
  std::string kernel;  ///< the instantiation
  Source source;
  LaunchGeometry launch;
  std::size_t candidates = 0;  ///< (layer, config) pairs that it serves
};

/// The distinct units of the generated CUDA candidates of `layers`, of each layer and family at
/// most `shortlist` (0: all), those that the cost model ranks first. They are in the order in which
/// a short budget should build them: for each architecture in turn, every layer's default, then the
/// layers' other candidates.
std::vector<CompileUnit> compile_units(std::span<const Layer> layers,
                                       std::span<const std::string> archs,
                                       std::size_t shortlist = 0);

/// The distinct units of what won in the database: of each CUDA device and problem the winner, if
/// it is generated, and the best generated kernel, as this build generates them. Left out is what
/// this build does not have any more.
std::vector<CompileUnit> winning_units(const Store& store);

/// How a unit ended.
struct CompileResult {
  enum class State { not_reached, compiled, cached, failed };
  State state = State::not_reached;
  std::string reason;  ///< of a failure
  Resources resources;
  Occupancy occupancy;
  double seconds = 0;
};

/// Compiles all units into the default cache with `jobs` threads, until done, `budget_seconds` have
/// passed (0: no limit), or stop() says so. `done` is called after each unit, by one thread at a
/// time. Throws Error{unavailable} without NVRTC.
std::vector<CompileResult> compile_ahead(std::span<const CompileUnit> units, unsigned jobs,
                                         double budget_seconds, const std::function<bool()>& stop,
                                         const std::function<void(const CompileResult&)>& done);

/// Throws what add_to_pack() would for this file, as far as that is known beforehand.
void require_pack_can_grow(const std::filesystem::path& file);

/// Adds the units that compiled to the pack `file`, which is made if it is not there. Returns how
/// many kernels it holds then. Throws Error{storage}, also for a pack of another compiler.
std::size_t add_to_pack(const std::filesystem::path& file, std::span<const CompileUnit> units,
                        std::span<const CompileResult> results);

}  // namespace convtune
