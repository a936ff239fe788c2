#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/block.hpp"

namespace convtune::emulator {

/// The barrier of all threads of a cluster, at which each arrives and later waits. Threads that
/// have exited count as arrived.
class ClusterBarrier {
 public:
  void reset(const Cluster& cluster);

  // For the running thread.
  void arrive(Cluster& cluster);
  void wait(Cluster& cluster, Location at);
  void exit(Cluster& cluster);

 private:
  struct Member {
    unsigned arrivals = 0;
    unsigned waits = 0;  ///< as many, or one less
    bool exited = false;
  };
  void end_phase_if_complete(Cluster& cluster);

  std::vector<Member> members_;
  unsigned phases_ = 0;  ///< that have ended
  unsigned lacking_ = 0;
  std::vector<unsigned> waiting_;
  RaceDetector::Knowledge arriving_;
  RaceDetector::Knowledge ended_;
};

/// The blocks in flight on an OS thread: those of one cluster, which a GPU runs together.
struct Cluster {
  Cluster(const LaunchGeometry& geometry, const std::function<void()>& thread,
          const Options& options);

  /// Runs the blocks from `first_block` on. Returns the first problem, or nothing.
  std::string run(unsigned first_block);

  /// Fails if that block of the cluster is none, or has ended.
  Block& peer(unsigned rank, const char* what);
  /// What an address means that cluster_address() returned, or one of the running thread's own.
  struct Place {
    Block& block;
    unsigned address;  ///< in its window of shared memory
  };
  Place place(unsigned cluster_address, const char* what);

  const std::function<void()> thread;  ///< and what the emulator does at its end
  Scheduler scheduler;
  GlobalMemory global;
  std::optional<RaceDetector> races;
  ClusterBarrier barrier;
  std::vector<std::unique_ptr<Block>> blocks;

 private:
  void end_thread();
  std::string problem_at_end() const;
};

/// The asynchronous units of a block of so many threads.
constexpr unsigned units_of(unsigned threads) {
  return Mbarriers::most_units + (threads + Warpgroups::size - 1) / Warpgroups::size;
}

}  // namespace convtune::emulator
