#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convtune::emulator {

/// Happens-before race detection over one block's shared memory, with vector clocks. It also finds
/// reads of what nobody wrote.
///
/// An agent is whoever touches memory in an order of its own: agents 0 to threads-1 are the
/// threads, the others asynchronous units. Each agent counts its own time; what an agent knows of
/// the others' times is what happened before it. Two accesses of different agents, one of them a
/// write, race if the later one does not know the earlier one.
class RaceDetector {
 public:
  using Clock = std::uint32_t;
  using Agent = unsigned;
  /// By agent, the last moment that is known.
  using Knowledge = std::vector<Clock>;
  /// Called with a sentence about what was found; does not return.
  using Complain = std::function<void(const std::string&)>;

  RaceDetector(unsigned threads, unsigned shared_bytes, Complain complain);

  /// Forgets what the last block did.
  void start_block();

  /// Offsets are bytes from the start of the block's shared memory.
  void read(Agent agent, unsigned offset, unsigned bytes);
  void write(Agent agent, unsigned offset, unsigned bytes);

  /// All of `waiting` learn what all of `arrived` know, as at a barrier.
  void meet(const std::vector<unsigned>& arrived, const std::vector<unsigned>& waiting);

 private:
  struct Moment {
    Clock clock = 0;
    Agent agent = 0;
  };
  /// Two bytes of shared memory, the smallest element.
  struct Cell {
    Moment written = {};
    std::vector<Moment> read = {};  ///< since it was written
  };
  struct AgentState {
    Clock now = 0;
    Knowledge known = {};  ///< empty: the floor
  };

  bool knows(Agent agent, Moment moment) const;
  void join(Knowledge& to, Agent agent) const;
  void note_read(Cell& cell, Moment moment);
  void complain(Agent agent, const char* does, std::size_t cell, Agent other, const char* did);

  unsigned threads_;
  Complain complain_;
  std::vector<Cell> cells_;
  std::vector<AgentState> agents_;
  Knowledge floor_;  ///< what every thread knows: all until the last barrier of the whole block
  Clock block_start_ = 0;
};

}  // namespace convtune::emulator
