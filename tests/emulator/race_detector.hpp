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

  /// `units` are the asynchronous units: agents `threads` to threads + units - 1.
  RaceDetector(unsigned threads, unsigned units, unsigned shared_bytes, Complain complain);

  /// Forgets what the last block did.
  void start_block();

  /// Offsets are bytes from the start of the block's shared memory. Threads access it directly,
  /// units through the asynchronous proxy: what a thread wrote they may touch only after its fence.
  void read(Agent agent, unsigned offset, unsigned bytes);
  void write(Agent agent, unsigned offset, unsigned bytes);
  /// Fails unless `agent` may read, but does not count as a read.
  void require_readable(Agent agent, unsigned offset, unsigned bytes);
  /// A copy that a thread began and must wait for: until its end nobody may touch its bytes.
  void begin_copy(Agent thread, unsigned offset, unsigned bytes);
  void end_copy(Agent thread, unsigned offset, unsigned bytes);
  void fence_proxy(Agent thread);

  /// All of `waiting` learn what all of `arrived` know, as at a barrier.
  void meet(const std::vector<unsigned>& arrived, const std::vector<unsigned>& waiting);
  /// What the unit does next happens after what `issuers` did. Returns the time it happens at.
  Clock issue(Agent unit, const std::vector<unsigned>& issuers);
  Knowledge nothing() const { return Knowledge(agents_.size()); }
  /// Adds to `to` what `thread` knows; what it does next is not part of it.
  void tell(Agent thread, Knowledge& to);
  void learn(Agent thread, const Knowledge& from);
  void learn(Agent thread, Agent unit, Clock moment);

 private:
  struct Moment {
    Clock clock = 0;
    Agent agent = 0;
  };
  /// Two bytes of shared memory, the smallest element.
  struct Cell {
    Moment written = {};
    bool in_flight = false;         ///< being written by a copy that nobody has waited for
    std::vector<Moment> read = {};  ///< since it was written
  };
  struct AgentState {
    Clock now = 0;
    Clock fenced = 0;      ///< what it wrote until then the asynchronous proxy sees
    Knowledge known = {};  ///< empty: the floor
  };

  bool knows(Agent agent, Moment moment) const;
  const Knowledge& known(Agent agent) const;
  Knowledge& own_knowledge(Agent agent);
  void join(Knowledge& to, Agent agent) const;
  void require_landed(Agent agent, const char* does, std::size_t cell);
  void require_fenced(Agent agent, const char* does, std::size_t cell);
  void note_read(Cell& cell, Moment moment);
  std::string name(Agent agent) const;
  void complain(Agent agent, const char* does, std::size_t cell, Agent other, const char* did);

  unsigned threads_;
  Complain complain_;
  std::vector<Cell> cells_;
  std::vector<AgentState> agents_;
  Knowledge floor_;  ///< what every thread knows: all until the last barrier of the whole block
  Clock block_start_ = 0;
};

}  // namespace convtune::emulator
