#include "tests/emulator/cluster.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {
namespace {

// Behind the address in the block's own window, 1 + the rank: 0 means the calling block's own.
constexpr unsigned rank_shift = 24;

}  // namespace

void ClusterBarrier::reset(const Cluster& cluster) {
  members_.assign(cluster.scheduler.threads(), {});
  phases_ = 0;
  lacking_ = cluster.scheduler.threads();
  waiting_.clear();
  if (cluster.races) arriving_ = ended_ = cluster.races->nothing();
}

void ClusterBarrier::arrive(Cluster& cluster) {
  Member& member = members_[running.agent];
  if (member.arrivals > member.waits)
    cluster.scheduler.fail("a thread arrives at the cluster's barrier again before it waits there");
  ++member.arrivals;
  if (cluster.races) cluster.races->tell(running.agent, arriving_);
  --lacking_;
  end_phase_if_complete(cluster);
}

void ClusterBarrier::wait(Cluster& cluster, Location at) {
  Member& member = members_[running.agent];
  if (member.arrivals == member.waits)
    cluster.scheduler.fail("a thread waits at the cluster's barrier without having arrived");
  while (phases_ == member.waits) {
    waiting_.push_back(running.agent);
    cluster.scheduler.wait(
        {.what = "at the cluster's barrier with rank", .detail = running.rank, .at = at});
  }
  ++member.waits;
  if (cluster.races) cluster.races->learn(running.agent, ended_);
}

void ClusterBarrier::exit(Cluster& cluster) {
  Member& member = members_[running.agent];
  member.exited = true;
  if (member.arrivals > phases_) return;
  --lacking_;
  end_phase_if_complete(cluster);
}

void ClusterBarrier::end_phase_if_complete(Cluster& cluster) {
  if (lacking_ > 0) return;
  ++phases_;
  for (const Member& member : members_) lacking_ += member.exited ? 0 : 1;
  ended_ = arriving_;
  for (const unsigned thread : std::exchange(waiting_, {})) cluster.scheduler.wake(thread);
}

Cluster::Cluster(const LaunchGeometry& geometry, const std::function<void()>& kernel,
                 const Options& options)
    : thread([this, &kernel] {
        kernel();
        end_thread();
      }),
      scheduler(geometry.cluster, geometry.block[0], thread, options,
                [this](unsigned rank) { current_block = blocks[rank].get(); }),
      global(options.global) {
  if (detects_races())
    races.emplace(RaceDetector::Shape{.blocks = geometry.cluster,
                                      .threads = geometry.block[0],
                                      .units = units_of(geometry.block[0]),
                                      .shared_bytes = geometry.shared_bytes},
                  [this](const std::string& message) { scheduler.fail(message); });
  for (unsigned rank = 0; rank < geometry.cluster; ++rank)
    blocks.push_back(std::make_unique<Block>(*this, rank, geometry));
}

std::string Cluster::run(unsigned first_block) {
  // The last blocks' copies, whose writes the detector is then to forget.
  for (const auto& block : blocks) block->copies.reset(*block);
  if (races) races->start_blocks();
  barrier.reset(*this);
  for (const auto& block : blocks) block->reset();
  std::string error = scheduler.run_blocks(first_block);
  if (error.empty()) error = problem_at_end();
  if (error.starts_with("deadlock"))
    for (const auto& block : blocks) error += block->mbarriers.incomplete();
  current_block = nullptr;
  return error;
}

void Cluster::end_thread() {
  if (races) races->tell(running.agent, current_block->at_end);
  barrier.exit(*this);
}

// A block's shared memory is gone when its last thread has ended: some thread of it must have known
// of all that others do to it.
std::string Cluster::problem_at_end() const {
  for (const auto& block : blocks) {
    if (block->warpgroups.any_running())
      return "the block ended without waiting for its matrix products";
    for (unsigned agent = 0; agent < block->touched.size(); ++agent) {
      if (block->touched[agent] > block->at_end[agent])
        return fmt::format("{} uses shared memory of the block of rank {}, which may end before",
                           races->name(agent), block->rank);
    }
  }
  return "";
}

Block& Cluster::peer(unsigned rank, const char* what) {
  if (rank >= blocks.size())
    scheduler.fail(fmt::format("{} block {} of a cluster of {}", what, rank, blocks.size()));
  if (scheduler.has_ended(rank))
    scheduler.fail(fmt::format("{} block {} of the cluster, which has ended", what, rank));
  return *blocks[rank];
}

Cluster::Place Cluster::place(unsigned cluster_address, const char* what) {
  const unsigned named = cluster_address >> rank_shift;
  return {peer(named == 0 ? running.rank : named - 1, what),
          cluster_address & ((1U << rank_shift) - 1)};
}

unsigned cluster_address(unsigned address, unsigned rank) {
  current_block->cluster.peer(rank, "the address of what is in");
  return address | (rank + 1) << rank_shift;
}

void load_cluster_shared(void* to, unsigned cluster_address, unsigned bytes) {
  const auto [block, address] = current_block->cluster.place(cluster_address, "a load from");
  const char* const from = shared_bytes(block, address, bytes);
  if (block.races) block.races->read(running.agent, *block.shared.offset(from, bytes), bytes);
  note_touch(block);
  std::memcpy(to, from, bytes);
}

void arrive_at_cluster(Location at) {
  Block& block = *current_block;
  char nothing = 0;
  block.warps.execute(block, "for the warp to arrive at its cluster's barrier", nothing, at,
                      [](auto) {});
  block.cluster.barrier.arrive(block.cluster);
}
void wait_for_cluster(Location at) {
  Block& block = *current_block;
  char nothing = 0;
  block.warps.execute(block, "for the warp to wait at its cluster's barrier", nothing, at,
                      [](auto) {});
  block.cluster.barrier.wait(block.cluster, at);
}

}  // namespace convtune::emulator
