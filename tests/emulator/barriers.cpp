#include "tests/emulator/barriers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests/emulator/block.hpp"
#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {

void Barriers::reach(Block& block, unsigned id, unsigned threads, bool waits, Location at) {
  Scheduler& scheduler = block.scheduler;
  if (id >= barriers_.size()) scheduler.fail(fmt::format("there is no barrier {}", id));
  Barrier& barrier = barriers_[id];
  if (barrier.arrived.empty()) barrier.threads = threads;
  if (barrier.threads != threads)
    scheduler.fail(fmt::format("barrier {} is for {} threads here and for {} elsewhere", id,
                               threads, barrier.threads));
  barrier.arrived.push_back(running.agent);
  barrier.places.push_back(at);
  if (waits) barrier.waiting.push_back(running.agent);
  if (barrier.arrived.size() < threads) {
    if (waits) scheduler.wait({.what = "at barrier", .detail = id, .at = at});
    return;
  }
  require_whole_warps(block, id, barrier);
  if (block.races) block.races->meet(barrier.arrived, barrier.waiting);
  const Barrier complete = std::move(barrier);
  barrier = {};
  for (const unsigned thread : complete.waiting) {
    if (thread != running.agent) scheduler.wake(thread);
  }
}

// Barriers count warps: lanes that go different ways would each count for the whole warp.
void Barriers::require_whole_warps(Block& block, unsigned id, const Barrier& barrier) {
  std::map<unsigned, std::pair<unsigned, Location>> lanes_of;
  for (std::size_t i = 0; i < barrier.arrived.size(); ++i) {
    const unsigned warp = (barrier.arrived[i] - block.first_agent) / 32;
    auto& [lanes, place] = lanes_of[warp];
    if (lanes++ == 0) place = barrier.places[i];
    if (place.line != barrier.places[i].line)
      block.scheduler.fail(
          fmt::format("the lanes of warp {} reach barrier {} at {}:{} and at {}:{}", warp, id,
                      place.file, place.line, barrier.places[i].file, barrier.places[i].line));
  }
  for (const auto& [warp, entry] : lanes_of) {
    const unsigned lanes = std::min(32U, block.threads - 32 * warp);
    if (entry.first != lanes)
      block.scheduler.fail(fmt::format("only {} of the {} lanes of warp {} reach barrier {}",
                                       entry.first, lanes, warp, id));
  }
}

void sync_block(Location at) {
  Block& block = *current_block;
  block.barriers.reach(block, 0, block.threads, true, at);
}

namespace {

void reach_named(unsigned barrier, unsigned threads, bool waits, Location at) {
  Block& block = *current_block;
  if (barrier == 0) block.scheduler.fail("barrier 0 is the block's own");
  if (threads == 0 || threads % 32 != 0 || threads > block.threads)
    block.scheduler.fail(fmt::format("a barrier for {} of {} threads is not for whole warps",
                                     threads, block.threads));
  block.barriers.reach(block, barrier, threads, waits, at);
}

}  // namespace

void sync_named(unsigned barrier, unsigned threads, Location at) {
  reach_named(barrier, threads, true, at);
}

void arrive_named(unsigned barrier, unsigned threads, Location at) {
  reach_named(barrier, threads, false, at);
}

}  // namespace convtune::emulator
