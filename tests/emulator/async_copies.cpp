#include "tests/emulator/async_copies.hpp"

#include <cstring>
#include <utility>

#include "tests/emulator/block.hpp"
#include "tests/emulator/primitives.hpp"

namespace convtune::emulator {

void AsyncCopies::reset(Block& block) {
  for (unsigned i = 0; i < threads_.size(); ++i) {
    Thread& thread = threads_[i];
    end(block, block.first_agent + i, thread.open);
    for (const Group& group : thread.groups) end(block, block.first_agent + i, group);
    thread = {};
  }
}

void AsyncCopies::start(Block& block, unsigned to, const void* from, unsigned bytes,
                        unsigned valid) {
  Copy copy = {shared_bytes(block, to, bytes), from, bytes, valid, block.scheduler.lands_early()};
  if (reinterpret_cast<std::uintptr_t>(from) % bytes != 0)
    block.scheduler.fail("the source of an asynchronous copy is not aligned");
  if (valid > 0) access_global(block, from, bytes, false);
  if (block.races)
    block.races->begin_copy(running.agent, *block.shared.offset(copy.to, bytes), bytes);
  counts.bytes_loaded += valid;
  if (copy.landed) land(copy);
  threads_[running.thread].open.push_back(copy);
}

void AsyncCopies::commit() {
  Thread& thread = threads_[running.thread];
  thread.groups.push_back(std::exchange(thread.open, {}));
}

void AsyncCopies::wait(Block& block, unsigned pending) {
  std::deque<Group>& groups = threads_[running.thread].groups;
  for (; groups.size() > pending; groups.pop_front()) {
    for (const Copy& copy : groups.front()) {
      if (!copy.landed) land(copy);
    }
    end(block, running.agent, groups.front());
  }
}

void AsyncCopies::land(const Copy& copy) {
  std::memcpy(copy.to, copy.from, copy.valid);
  std::memset(copy.to + copy.valid, 0, copy.bytes - copy.valid);
}

void AsyncCopies::end(Block& block, unsigned agent, const Group& group) {
  if (!block.races) return;
  for (const Copy& copy : group)
    block.races->end_copy(agent, *block.shared.offset(copy.to, copy.bytes), copy.bytes);
}

void copy_async(unsigned to, const void* from, unsigned bytes, unsigned valid) {
  current_block->copies.start(*current_block, to, from, bytes, valid);
}
void commit_copies() { current_block->copies.commit(); }
void wait_for_copies(unsigned pending) { current_block->copies.wait(*current_block, pending); }

}  // namespace convtune::emulator
