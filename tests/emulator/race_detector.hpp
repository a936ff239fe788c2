#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace convtune::emulator {

/// Happens-before race detection over the shared memory of the blocks that run together, with
/// vector clocks. It also finds reads of what nobody wrote.
///
/// An agent is whoever touches memory in an order of its own: the threads of all blocks first, then
/// the asynchronous units of each block. Each agent counts its own time; what an agent knows of
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

  /// How many blocks there are, and what each has.
  struct Shape {
    unsigned blocks = 1;
    unsigned threads = 0;
    unsigned units = 0;
    unsigned shared_bytes = 0;
  };
  RaceDetector(const Shape& shape, Complain complain);

  /// Forgets what the last blocks did.
  void start_blocks();

  /// Offsets are bytes from the start of the first block's shared memory; that of the others
  /// follows, each at a multiple of shared_bytes. Threads access it directly,
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
  /// Adds to `to` that `thread` did something, but nothing else that it knows.
  void note(Agent thread, Knowledge& to) const { to[thread] = agents_[thread].now; }

  /// "thread 3", or where there are more blocks "thread 3 of rank 1".
  std::string name(Agent agent) const;

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
  std::string place(std::size_t cell) const;
  void complain(Agent agent, const char* does, std::size_t cell, Agent other, const char* did);

  Shape shape_;
  unsigned threads_;  ///< of all blocks
  Complain complain_;
  std::vector<Cell> cells_;
  std::vector<AgentState> agents_;
  Knowledge floor_;  ///< what every thread knows: all until the last barrier of all threads
  Clock block_start_ = 0;
};

}  // namespace convtune::emulator
