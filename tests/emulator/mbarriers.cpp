#include "tests/emulator/mbarriers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/emulator/cluster.hpp"
#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {
namespace {

constexpr unsigned barrier_bytes = 8;
constexpr unsigned most_arrivals = (1U << 20) - 1;

}  // namespace

void Mbarriers::init(Block& block, unsigned address, unsigned arrivals) {
  const char* const bytes = shared_bytes(block, address, barrier_bytes);
  if (arrivals == 0 || arrivals > most_arrivals)
    block.scheduler.fail(fmt::format("an mbarrier for {} arrivals", arrivals));
  Barrier made = {.arrivals = arrivals, .lacking = arrivals, .maker = running.agent};
  made.unit = first_unit_ + static_cast<unsigned>(barriers_.size()) % most_units;
  if (block.races) {
    block.races->write(running.agent, *block.shared.offset(bytes, barrier_bytes), barrier_bytes);
    made.arriving = made.ended = block.races->nothing();
  }
  barriers_[address] = std::move(made);
}

void Mbarriers::fence_init() {
  for (auto& [address, barrier] : barriers_) {
    if (barrier.maker == running.agent) barrier.fenced = true;
  }
}

// Whoever uses a barrier must know that it was made.
Mbarriers::Barrier& Mbarriers::at(Block& block, unsigned address) {
  const char* const bytes = shared_bytes(block, address, barrier_bytes);
  const auto found = barriers_.find(address);
  if (found == barriers_.end())
    block.scheduler.fail(fmt::format("there is no mbarrier at {}", address));
  if (block.races)
    block.races->require_readable(running.agent, *block.shared.offset(bytes, barrier_bytes),
                                  barrier_bytes);
  return found->second;
}

void Mbarriers::note_use(Block& block, Barrier& barrier) {
  if (running.rank != block.rank) barrier.others_use_it = true;
  note_touch(block);
}

void Mbarriers::arrive(Block& block, unsigned address, unsigned expected_bytes) {
  Barrier& barrier = at(block, address);
  note_use(block, barrier);
  if (barrier.lacking == 0)
    block.scheduler.fail(fmt::format("more than the {} arrivals of a phase at the mbarrier at {}",
                                     barrier.arrivals, address));
  if (block.races) block.races->tell(running.agent, barrier.arriving);
  barrier.bytes += expected_bytes;
  --barrier.lacking;
  end_phase_if_complete(block, address, barrier);
}

void Mbarriers::wait(Block& block, unsigned address, unsigned parity, bool whole_cluster,
                     Location where) {
  Barrier& barrier = at(block, address);
  while (barrier.parity == parity) {
    barrier.waiting.push_back(running.agent);
    block.scheduler.wait({.what = "for the mbarrier at", .detail = address, .at = where});
  }
  if (barrier.others_use_it && !whole_cluster)
    block.scheduler.fail(
        fmt::format("a wait at the mbarrier at {} does not see what the cluster's other blocks do "
                    "there",
                    address));
  if (block.races) block.races->learn(running.agent, barrier.ended);
}

RaceDetector::Clock Mbarriers::start_copy(Block& block, unsigned address, unsigned offset,
                                          unsigned bytes) {
  Barrier& barrier = at(block, address);
  if (!barrier.fenced)
    block.scheduler.fail(fmt::format(
        "a copy uses the mbarrier at {}, whose initialisation was not fenced", address));
  note_use(block, barrier);
  barrier.in_flight += bytes;
  if (!block.races) return 0;
  const RaceDetector::Clock moment = block.races->issue(barrier.unit, {running.agent});
  if (running.rank != block.rank) block.races->note(barrier.unit, block.touched);
  block.races->write(barrier.unit, offset, bytes);
  return moment;
}

void Mbarriers::complete_copy(Block& block, unsigned address, RaceDetector::Clock moment,
                              unsigned bytes) {
  Barrier& barrier = barriers_.at(address);
  barrier.in_flight -= bytes;
  barrier.bytes -= bytes;
  if (block.races) {  // copies land in any order
    RaceDetector::Clock& known = barrier.arriving[barrier.unit];
    known = std::max(known, moment);
  }
  end_phase_if_complete(block, address, barrier);
}

void Mbarriers::end_phase_if_complete(Block& block, unsigned address, Barrier& barrier) {
  if (barrier.lacking == 0 && barrier.bytes < 0)
    block.scheduler.fail(fmt::format("{} bytes more than expected come to the mbarrier at {}",
                                     -barrier.bytes, address));
  if (barrier.lacking > 0 || barrier.bytes > 0) return;
  if (barrier.in_flight > 0)
    block.scheduler.fail(
        fmt::format("{} bytes less than are copied are expected at the mbarrier at {}",
                    barrier.in_flight, address));
  barrier.parity ^= 1;
  barrier.lacking = barrier.arrivals;
  barrier.ended = barrier.arriving;
  for (const unsigned thread : std::exchange(barrier.waiting, {})) block.scheduler.wake(thread);
}

std::string Mbarriers::incomplete() const {
  std::string text;
  for (const auto& [address, barrier] : barriers_) {
    if (!barrier.waiting.empty())
      text += fmt::format("; the mbarrier at {} lacks {} of {} arrivals and {} bytes", address,
                          barrier.lacking, barrier.arrivals, barrier.bytes);
  }
  return text;
}

void init_mbarrier(unsigned barrier, unsigned arrivals) {
  current_block->mbarriers.init(*current_block, barrier, arrivals);
}
void fence_mbarrier_init() { current_block->mbarriers.fence_init(); }
void arrive_at_mbarrier(unsigned barrier, unsigned expected_bytes) {
  current_block->mbarriers.arrive(*current_block, barrier, expected_bytes);
}
void wait_for_mbarrier(unsigned barrier, unsigned parity, Location at) {
  current_block->mbarriers.wait(*current_block, barrier, parity, false, at);
}
void wait_for_cluster_mbarrier(unsigned barrier, unsigned parity, Location at) {
  current_block->mbarriers.wait(*current_block, barrier, parity, true, at);
}

void arrive_at_cluster_mbarrier(unsigned address) {
  const auto [block, own_address] = current_block->cluster.place(address, "an arrival in");
  block.mbarriers.arrive(block, own_address, 0);
}

void fence_async_proxy() {
  if (current_block->races) current_block->races->fence_proxy(running.agent);
}

}  // namespace convtune::emulator
