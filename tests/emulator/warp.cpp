#include <array>
#include <numeric>

#include "tests/emulator/block.hpp"
#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {

void sync_warp(Location at) {
  Block& block = *current_block;
  char nothing = 0;
  block.warps.execute(block, "for the warp's barrier", nothing, at, [&](auto) {
    if (!block.races) return;
    std::vector<unsigned> lanes(32);
    std::iota(lanes.begin(), lanes.end(), running.agent - running.thread % 32);
    block.races->meet(lanes, lanes);
  });
}

unsigned shuffle(unsigned value, unsigned from, Location at) {
  struct Exchange {
    unsigned value, from, received;
  };
  Block& block = *current_block;
  Exchange mine = {value, from, 0};
  block.warps.execute(block, "for the warp's shuffle", mine, at, [](auto lane) {
    for (unsigned i = 0; i < 32; ++i) lane(i).received = lane(lane(i).from % 32).value;
  });
  return mine.received;
}

}  // namespace convtune::emulator
