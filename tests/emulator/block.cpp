#include "tests/emulator/block.hpp"

namespace convtune::emulator {

Block::Block(const LaunchGeometry& geometry, const std::function<void()>& thread,
             const Options& launch_options)
    : options(launch_options),
      scheduler(geometry.block[0], thread, options),
      shared(geometry.shared_bytes),
      warps(32, "warp"),
      copies(geometry.block[0]) {
#ifdef CONVTUNE_SEES_PLAIN_ACCESSES
  races.emplace(geometry.block[0], 0, geometry.shared_bytes,
                [this](const std::string& message) { scheduler.fail(message); });
#endif
}

std::string Block::run(unsigned index) {
  current_block = this;
  shared.poison();
  if (races) races->start_block();
  barriers.reset();
  warps.reset(scheduler.threads());
  copies.reset(*this);
  std::string error = scheduler.run_block(index);
  current_block = nullptr;
  return error;
}

}  // namespace convtune::emulator
