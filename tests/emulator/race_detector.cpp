#include "tests/emulator/race_detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace convtune::emulator {
namespace {

constexpr unsigned cell_bytes = 2;

}  // namespace

RaceDetector::RaceDetector(unsigned threads, unsigned shared_bytes, Complain complain)
    : threads_(threads),
      complain_(std::move(complain)),
      cells_((shared_bytes + cell_bytes - 1) / cell_bytes),
      agents_(threads),
      floor_(threads) {}

// Time goes on from block to block, so that what was written before is known to all, and known to
// be too old to have been written by this block.
void RaceDetector::start_block() {
  for (const AgentState& agent : agents_) block_start_ = std::max(block_start_, agent.now);
  for (AgentState& agent : agents_) agent = {.now = block_start_ + 1};
  std::fill(floor_.begin(), floor_.end(), block_start_);
}

bool RaceDetector::knows(Agent agent, Moment moment) const {
  if (agent == moment.agent) return true;
  const Knowledge& known = agents_[agent].known;
  return moment.clock <= (known.empty() ? floor_ : known)[moment.agent];
}

void RaceDetector::read(Agent agent, unsigned offset, unsigned bytes) {
  const std::size_t end = (offset + bytes + cell_bytes - 1) / cell_bytes;
  for (std::size_t i = offset / cell_bytes; i < end; ++i) {
    Cell& cell = cells_[i];
    if (cell.written.clock <= block_start_)
      complain_(fmt::format("shared byte {} is read but was never written", i * cell_bytes));
    if (!knows(agent, cell.written)) complain(agent, "reads", i, cell.written.agent, "wrote");
    note_read(cell, {agents_[agent].now, agent});
  }
}

void RaceDetector::write(Agent agent, unsigned offset, unsigned bytes) {
  const std::size_t end = (offset + bytes + cell_bytes - 1) / cell_bytes;
  for (std::size_t i = offset / cell_bytes; i < end; ++i) {
    Cell& cell = cells_[i];
    if (!knows(agent, cell.written)) complain(agent, "writes", i, cell.written.agent, "wrote");
    for (const Moment& read : cell.read) {
      if (!knows(agent, read)) complain(agent, "writes", i, read.agent, "read");
    }
    cell.read.clear();
    cell.written = {agents_[agent].now, agent};
  }
}

void RaceDetector::note_read(Cell& cell, Moment moment) {
  std::vector<Moment>& read = cell.read;
  if (!read.empty() && read.back().agent == moment.agent) {
    read.back() = moment;
    return;
  }
  // Before the list grows it drops what all know, and all but each agent's last read.
  if (read.size() == read.capacity() && read.size() >= 16) {
    std::erase_if(read, [&](const Moment& m) { return m.clock <= floor_[m.agent]; });
    std::stable_sort(read.begin(), read.end(), [](const Moment& a, const Moment& b) {
      return std::pair(a.agent, b.clock) < std::pair(b.agent, a.clock);
    });
    const auto same = [](const Moment& a, const Moment& b) { return a.agent == b.agent; };
    read.erase(std::unique(read.begin(), read.end(), same), read.end());
  }
  read.push_back(moment);
}

void RaceDetector::join(Knowledge& to, Agent agent) const {
  const AgentState& state = agents_[agent];
  const Knowledge& known = state.known.empty() ? floor_ : state.known;
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = std::max(to[i], known[i]);
  to[agent] = state.now;
}

void RaceDetector::meet(const std::vector<unsigned>& arrived,
                        const std::vector<unsigned>& waiting) {
  Knowledge joined = floor_;
  for (const unsigned thread : arrived) {
    if (agents_[thread].known.empty())
      joined[thread] = agents_[thread].now;
    else
      join(joined, thread);
  }
  const bool everyone = arrived.size() == threads_ && waiting.size() == threads_;
  if (everyone) floor_ = joined;
  for (const unsigned thread : waiting) {
    Knowledge& known = agents_[thread].known;
    if (everyone) {
      known.clear();
    } else if (known.empty()) {
      known = joined;
    } else {
      for (std::size_t i = 0; i < known.size(); ++i) known[i] = std::max(known[i], joined[i]);
    }
  }
  for (const unsigned thread : arrived) ++agents_[thread].now;
}

void RaceDetector::complain(Agent agent, const char* does, std::size_t cell, Agent other,
                            const char* did) {
  complain_(
      fmt::format("race: thread {} {} shared byte {}, which thread {} {}, with nothing to "
                  "order them",
                  agent, does, cell * cell_bytes, other, did));
}

}  // namespace convtune::emulator
