#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/emulator/race_detector.hpp"
#include "tests/emulator/running.hpp"

namespace convtune::emulator {

struct Block;

/// The barriers that a block keeps in shared memory, by address.
class Mbarriers {
 public:
  static constexpr unsigned most_units = 32;

  /// To the race detector, the copies of one barrier are one asynchronous unit.
  explicit Mbarriers(unsigned first_unit) : first_unit_(first_unit) {}
  unsigned end_unit() const { return first_unit_ + most_units; }

  void reset() { barriers_.clear(); }

  // For the running thread; `block` has the barrier. Another block's thread may arrive and copy.
  void init(Block& block, unsigned address, unsigned arrivals);
  void fence_init();
  void arrive(Block& block, unsigned address, unsigned expected_bytes);
  /// `whole_cluster`: also of what other blocks did.
  void wait(Block& block, unsigned address, unsigned parity, bool whole_cluster, Location at);

  /// A copy to `offset` of shared memory that will come with complete_copy. Returns its moment.
  RaceDetector::Clock start_copy(Block& block, unsigned address, unsigned offset, unsigned bytes);
  void complete_copy(Block& block, unsigned address, RaceDetector::Clock moment, unsigned bytes);

  /// What barriers with a phase in progress lack: "; the mbarrier at 1024 lacks ...".
  std::string incomplete() const;

 private:
  struct Barrier {
    unsigned arrivals = 0;   ///< that end a phase
    unsigned lacking = 0;    ///< arrivals
    std::int64_t bytes = 0;  ///< announced, less those that came
    std::int64_t in_flight = 0;
    unsigned parity = 0;  ///< of the phase in progress
    unsigned maker = 0;
    bool fenced = false;
    bool others_use_it = false;  ///< threads of other blocks
    unsigned unit = 0;
    RaceDetector::Knowledge arriving = {};  ///< of this phase and those before
    RaceDetector::Knowledge ended = {};     ///< of the phases before
    std::vector<unsigned> waiting = {};
  };
  Barrier& at(Block& block, unsigned address);
  static void note_use(Block& block, Barrier& barrier);
  void end_phase_if_complete(Block& block, unsigned address, Barrier& barrier);

  unsigned first_unit_;
  std::map<unsigned, Barrier> barriers_;
};

}  // namespace convtune::emulator
