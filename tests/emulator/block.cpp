#include "tests/emulator/block.hpp"

namespace convtune::emulator {

Block::Block(const LaunchGeometry& geometry, const std::function<void()>& thread,
             const Options& launch_options)
    : options(launch_options),
      scheduler(geometry.block[0], thread, options),
      global(options.global),
      shared(geometry.shared_bytes),
      warps(32, "warp"),
      copies(geometry.block[0]),
      mbarriers(geometry.block[0]),
      warpgroups(geometry.block[0], mbarriers.end_unit()) {
  if (!detects_races()) return;
  const unsigned units = warpgroups.end_unit() - geometry.block[0];
  races.emplace(geometry.block[0], units, geometry.shared_bytes,
                [this](const std::string& message) { scheduler.fail(message); });
}

std::string Block::run(unsigned index) {
  current_block = this;
  shared.poison();
  copies.reset(*this);  // of the last block, whose writes the detector is then to forget
  if (races) races->start_block();
  barriers.reset();
  warps.reset(scheduler.threads());
  mbarriers.reset();
  warpgroups.reset();
  std::string error = scheduler.run_block(index);
  if (error.empty() && warpgroups.any_running())
    error = "the block ended without waiting for its matrix products";
  if (error.starts_with("deadlock")) error += mbarriers.incomplete();
  current_block = nullptr;
  return error;
}

}  // namespace convtune::emulator
