#include "tests/emulator/block.hpp"

#include "tests/emulator/cluster.hpp"

namespace convtune::emulator {

// Agents are all threads of the cluster, then the asynchronous units of each block.
Block::Block(Cluster& of, unsigned rank_in_it, const LaunchGeometry& geometry)
    : cluster(of),
      rank(rank_in_it),
      threads(geometry.block[0]),
      first_agent(rank * threads),
      scheduler(of.scheduler),
      global(of.global),
      races(of.races),
      shared(geometry.shared_bytes, rank),
      warps(32, "warp"),
      copies(threads),
      mbarriers(geometry.cluster * threads + rank * units_of(threads)),
      warpgroups(threads, mbarriers.end_unit()) {}

void Block::reset() {
  shared.poison();
  barriers.reset();
  warps.reset(threads);
  mbarriers.reset();
  warpgroups.reset();
  if (races) touched = at_end = races->nothing();
}

}  // namespace convtune::emulator
