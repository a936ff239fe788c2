#pragma once

#include <array>
#include <vector>

#include "tests/emulator/running.hpp"

namespace convtune::emulator {

struct Block;

/// The sixteen barriers of a block; number 0 is the one for all its threads.
class Barriers {
 public:
  void reset() { barriers_ = {}; }
  /// Counts the running thread in, and suspends it until all have arrived if it waits.
  void reach(Block& block, unsigned id, unsigned threads, bool waits, Location at);

 private:
  struct Barrier {
    unsigned threads = 0;
    std::vector<unsigned> arrived = {};  ///< agents
    std::vector<unsigned> waiting = {};
    std::vector<Location> places = {};  ///< where each of `arrived` called
  };
  static void require_whole_warps(Block& block, unsigned id, const Barrier& barrier);

  std::array<Barrier, 16> barriers_;
};

}  // namespace convtune::emulator
