#include "tests/emulator/race_detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace convtune::emulator {
namespace {

constexpr unsigned cell_bytes = 2;

std::size_t first_cell(unsigned offset) { return offset / cell_bytes; }
std::size_t end_cell(unsigned offset, unsigned bytes) {
  return (offset + bytes + cell_bytes - 1) / cell_bytes;
}

}  // namespace

RaceDetector::RaceDetector(const Shape& shape, Complain complain)
    : shape_(shape),
      threads_(shape.blocks * shape.threads),
      complain_(std::move(complain)),
      cells_(end_cell(0, shape.blocks * shape.shared_bytes)),
      agents_(shape.blocks * (shape.threads + shape.units)),
      floor_(agents_.size()) {}

// Time goes on from block to block, so that what was written before is known to all, and known to
// be too old to have been written by this block.
void RaceDetector::start_blocks() {
  for (const AgentState& agent : agents_) block_start_ = std::max(block_start_, agent.now);
  for (AgentState& agent : agents_) agent = {.now = block_start_ + 1};
  std::fill(floor_.begin(), floor_.end(), block_start_);
}

const RaceDetector::Knowledge& RaceDetector::known(Agent agent) const {
  return agents_[agent].known.empty() ? floor_ : agents_[agent].known;
}

bool RaceDetector::knows(Agent agent, Moment moment) const {
  return agent == moment.agent || moment.clock <= known(agent)[moment.agent];
}

void RaceDetector::require_landed(Agent agent, const char* does, std::size_t cell) {
  if (cells_[cell].in_flight)
    complain_(
        fmt::format("{} {} {} while a copy to it is in flight", name(agent), does, place(cell)));
}

void RaceDetector::require_fenced(Agent agent, const char* does, std::size_t cell) {
  const Moment written = cells_[cell].written;
  const bool directly = written.agent < threads_ && written.clock > block_start_;
  if (agent >= threads_ && directly && written.clock > agents_[written.agent].fenced)
    complain_(fmt::format("{} {} {}, which {} wrote without a fence for the asynchronous proxy",
                          name(agent), does, place(cell), name(written.agent)));
}

void RaceDetector::require_readable(Agent agent, unsigned offset, unsigned bytes) {
  for (std::size_t i = first_cell(offset); i < end_cell(offset, bytes); ++i) {
    const Moment written = cells_[i].written;
    require_landed(agent, "reads", i);
    if (written.clock <= block_start_)
      complain_(fmt::format("{} is read but was never written", place(i)));
    if (!knows(agent, written)) complain(agent, "reads", i, written.agent, "wrote");
    require_fenced(agent, "reads", i);
  }
}

void RaceDetector::read(Agent agent, unsigned offset, unsigned bytes) {
  require_readable(agent, offset, bytes);
  for (std::size_t i = first_cell(offset); i < end_cell(offset, bytes); ++i)
    note_read(cells_[i], {agents_[agent].now, agent});
}

void RaceDetector::write(Agent agent, unsigned offset, unsigned bytes) {
  for (std::size_t i = first_cell(offset); i < end_cell(offset, bytes); ++i) {
    Cell& cell = cells_[i];
    require_landed(agent, "writes", i);
    if (!knows(agent, cell.written)) complain(agent, "writes", i, cell.written.agent, "wrote");
    for (const Moment& read : cell.read) {
      if (!knows(agent, read)) complain(agent, "writes", i, read.agent, "read");
    }
    require_fenced(agent, "writes", i);
    cell.read.clear();
    cell.written = {agents_[agent].now, agent};
  }
}

void RaceDetector::begin_copy(Agent thread, unsigned offset, unsigned bytes) {
  write(thread, offset, bytes);
  for (std::size_t i = first_cell(offset); i < end_cell(offset, bytes); ++i)
    cells_[i].in_flight = true;
}

void RaceDetector::end_copy(Agent thread, unsigned offset, unsigned bytes) {
  for (std::size_t i = first_cell(offset); i < end_cell(offset, bytes); ++i) {
    cells_[i].in_flight = false;
    cells_[i].written = {agents_[thread].now, thread};
  }
}

void RaceDetector::fence_proxy(Agent thread) { agents_[thread].fenced = agents_[thread].now++; }

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
  const Knowledge& from = known(agent);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = std::max(to[i], from[i]);
  to[agent] = agents_[agent].now;
}

RaceDetector::Knowledge& RaceDetector::own_knowledge(Agent agent) {
  Knowledge& own = agents_[agent].known;
  if (own.empty()) own = floor_;
  return own;
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
    if (everyone)
      agents_[thread].known.clear();
    else
      learn(thread, joined);
  }
  for (const unsigned thread : arrived) ++agents_[thread].now;
}

RaceDetector::Clock RaceDetector::issue(Agent unit, const std::vector<unsigned>& issuers) {
  Knowledge before = floor_;
  for (const unsigned issuer : issuers) join(before, issuer);
  agents_[unit].known = std::move(before);
  return ++agents_[unit].now;
}

void RaceDetector::tell(Agent thread, Knowledge& to) {
  join(to, thread);
  ++agents_[thread].now;
}

void RaceDetector::learn(Agent thread, const Knowledge& from) {
  Knowledge& own = own_knowledge(thread);
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = std::max(own[i], from[i]);
}

void RaceDetector::learn(Agent thread, Agent unit, Clock moment) {
  Knowledge& own = own_knowledge(thread);
  own[unit] = std::max(own[unit], moment);
}

std::string RaceDetector::name(Agent agent) const {
  const bool is_thread = agent < threads_;
  const unsigned number = is_thread ? agent : agent - threads_;
  const unsigned each = is_thread ? shape_.threads : shape_.units;
  const char* const what = is_thread ? "thread" : "asynchronous unit";
  if (shape_.blocks == 1) return fmt::format("{} {}", what, number);
  return fmt::format("{} {} of rank {}", what, number % each, number / each);
}

std::string RaceDetector::place(std::size_t cell) const {
  const std::size_t byte = cell * cell_bytes;
  if (shape_.blocks == 1) return fmt::format("shared byte {}", byte);
  return fmt::format("shared byte {} of rank {}", byte % shape_.shared_bytes,
                     byte / shape_.shared_bytes);
}

void RaceDetector::complain(Agent agent, const char* does, std::size_t cell, Agent other,
                            const char* did) {
  complain_(fmt::format("race: {} {} {}, which {} {}, with nothing to order them", name(agent),
                        does, place(cell), name(other), did));
}

}  // namespace convtune::emulator
