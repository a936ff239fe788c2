#include "tests/emulator/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace convtune::emulator {
namespace {

/// "0-31, 64": neighbours as ranges.
std::string ranges(const std::vector<unsigned>& threads) {
  std::string text;
  for (std::size_t i = 0; i < threads.size();) {
    std::size_t last = i;
    while (last + 1 < threads.size() && threads[last + 1] == threads[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", threads[i]);
    if (last > i) text += fmt::format("-{}", threads[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

Scheduler::Scheduler(unsigned blocks, unsigned threads_of_each, const std::function<void()>& body,
                     const Options& options, std::function<void(unsigned)> enter)
    : block_threads_(threads_of_each),
      body_(body),
      options_(options),
      enter_(std::move(enter)),
      random_(options.seed),
      states_(std::size_t{blocks} * threads_of_each),
      exited_(blocks) {
  for (State& state : states_) state.fiber = std::make_unique<Fiber>(thread_main, this);
}

void Scheduler::thread_main(void* self) {
  auto& scheduler = *static_cast<Scheduler*>(self);
  for (;;) {
    try {
      scheduler.body_();
      scheduler.exit_thread();
    } catch (const Abandoned&) {  // and only behind the handler may another fiber run
    }
    if (!scheduler.error_.empty()) scheduler.abandon();
  }
}

std::string Scheduler::run_blocks(unsigned first) {
  error_.clear();
  std::ranges::fill(exited_, 0);
  first_block_ = first;
  for (unsigned i = 0; i < threads(); ++i) {
    states_[i].exited = false;
    ready_.push_back(i);
  }
  continue_with_next(main_);
  if (error_.empty() && std::accumulate(exited_.begin(), exited_.end(), 0U) < threads())
    error_ = deadlock();
  if (!error_.empty()) {
    ready_.clear();
    landings_.clear();
    for (State& state : states_) state.fiber->restart();
  }
  return error_;
}

// Back in `from` once it is its turn again. The OS thread's own turn comes when nothing else is
// left.
void Scheduler::continue_with_next(Fiber& from) {
  if (options_.landing == Landing::random && !landings_.empty() && random_() % 4 == 0)
    land_one(random_() % landings_.size());
  while (ready_.empty() && !landings_.empty()) land_one(0);
  const bool none_left = ready_.empty();
  if (!none_left) enter_next();
  Fiber& next = none_left ? main_ : *state().fiber;
  if (&next != &from) from.switch_to(next);
}

void Scheduler::enter_next() {
  if (options_.schedule == Schedule::random)
    std::swap(ready_.front(), ready_[random_() % ready_.size()]);
  running.agent = ready_.front();
  ready_.pop_front();
  running.rank = running.agent / block_threads_;
  running.thread = running.agent % block_threads_;
  running.block = first_block_ + running.rank;
  enter_(running.rank);
}

void Scheduler::wait(const Wait& why) {
  State& mine = state();
  mine.wait = why;
  continue_with_next(*mine.fiber);
}

void Scheduler::exit_thread() {
  State& mine = state();
  mine.exited = true;
  const auto comes_here = [](const Pending& p) { return (p.blocks >> running.rank & 1) != 0; };
  if (++exited_[running.rank] == block_threads_ && std::ranges::any_of(landings_, comes_here))
    fail("the block ends while copies are in flight");
  continue_with_next(*mine.fiber);
}

void Scheduler::fail(const std::string& message) {
  error_ = fmt::format("{} [block {}, thread {}]", message, running.block, running.thread);
  throw Abandoned();
}

void Scheduler::abandon() {
  state().fiber->switch_to(main_);
  __builtin_unreachable();
}

void Scheduler::wake(unsigned thread) { ready_.push_back(thread); }

bool Scheduler::lands_early() {
  return options_.landing == Landing::early ||
         (options_.landing == Landing::random && random_() % 2 == 0);
}

void Scheduler::land_later(unsigned blocks, std::function<void()> landing) {
  if (options_.landing == Landing::early) return landing();
  landings_.push_back({blocks, std::move(landing)});
}

void Scheduler::land_one(std::size_t index) {
  const std::function<void()> landing = std::move(landings_[index].landing);
  landings_.erase(landings_.begin() + static_cast<std::ptrdiff_t>(index));
  landing();
}

std::string Scheduler::deadlock() const {
  std::string text;
  for (unsigned rank = 0; rank < exited_.size(); ++rank) {
    if (has_ended(rank)) continue;
    text += text.empty() ? "deadlock in block" : "; and in block";
    text += deadlock_of(rank);
  }
  return text;
}

std::string Scheduler::deadlock_of(unsigned rank) const {
  using Reason = std::tuple<std::string_view, unsigned, std::string_view, unsigned>;
  std::map<Reason, std::vector<unsigned>> groups;
  std::vector<unsigned> exited;
  for (unsigned i = 0; i < block_threads_; ++i) {
    const State& state = states_[rank * block_threads_ + i];
    const Wait& wait = state.wait;
    if (state.exited)
      exited.push_back(i);
    else
      groups[{wait.what, wait.detail, wait.at.file, wait.at.line}].push_back(i);
  }
  std::string text = fmt::format(" {}:", first_block_ + rank);
  for (const auto& [reason, members] : groups) {
    const auto& [what, detail, file, line] = reason;
    text +=
        fmt::format(" threads {} wait {} {} at {}:{};", ranges(members), what, detail, file, line);
  }
  if (!exited.empty()) text += fmt::format(" threads {} have exited;", ranges(exited));
  text.pop_back();
  return text;
}

}  // namespace convtune::emulator
