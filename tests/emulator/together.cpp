#include "tests/emulator/together.hpp"

#include <fmt/format.h>

#include "tests/emulator/block.hpp"

namespace convtune::emulator {
namespace {

bool same(const char* what, const Location& at, const char* other, const Location& other_at) {
  return what == other && at.line == other_at.line && at.file == other_at.file;
}

}  // namespace

const Together::Members* Together::arrive(Block& block, const char* what, void* argument,
                                          Location at) {
  const unsigned index = running.thread / size_;
  if ((index + 1) * size_ > block.threads)
    block.scheduler.fail(fmt::format("{} {} lacks threads for {}", name_, index, what));
  Group& group = groups_[index];
  if (group.arrived == 0) {
    group = {.first = running.thread, .what = what, .at = at, .members = std::move(group.members)};
    group.members.resize(size_);
  } else if (!same(what, at, group.what, group.at)) {
    block.scheduler.fail(fmt::format(
        "{} {} diverged: this thread is at {} ({}:{}), thread {} at {} ({}:{})", name_, index, what,
        at.file, at.line, group.first, group.what, group.at.file, group.at.line));
  }
  group.members[running.thread % size_] = argument;
  if (++group.arrived == size_) return &group.members;
  block.scheduler.wait({.what = what, .detail = index, .at = at});
  return nullptr;
}

void Together::release(Block& block) {
  const unsigned index = running.thread / size_;
  groups_[index].arrived = 0;
  for (unsigned rank = 0; rank < size_; ++rank) {
    const unsigned thread = index * size_ + rank;
    if (thread != running.thread) block.scheduler.wake(block.first_agent + thread);
  }
}

}  // namespace convtune::emulator
