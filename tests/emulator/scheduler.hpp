#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/emulator/fiber.hpp"
#include "tests/emulator/launch.hpp"

namespace convtune::emulator {

/// Why a thread does not run. `what` completes "waits ".
struct Wait {
  const char* what = "";
  unsigned detail = 0;  ///< a barrier's number or address: threads of one group have the same
  Location at = {};
};

/// Thrown through a thread whose error ends the launch.
struct Abandoned {};

/// Fibers of the blocks that run together, and what runs next. Threads are counted through all of
/// these blocks.
class Scheduler {
 public:
  /// `enter` is told the rank of the block whose thread runs next.
  Scheduler(unsigned blocks, unsigned threads_of_each, const std::function<void()>& body,
            const Options& options, std::function<void(unsigned)> enter);

  /// Runs all threads of the blocks from `first` on to their end. Returns the first problem, or
  /// nothing.
  std::string run_blocks(unsigned first);

  // For the running thread.
  /// Suspends it until another wakes it.
  void wait(const Wait& why);
  /// Ends the launch; the message gains the block and the thread. Throws Abandoned.
  [[noreturn]] void fail(const std::string& message);
  /// After fail(): gives the thread up without unwinding the rest of it.
  [[noreturn]] void abandon();

  void wake(unsigned thread);
  /// Queues what an asynchronous operation does when it lands, or does it at once. Until then no
  /// block may end whose rank's bit is set in `blocks`.
  void land_later(unsigned blocks, std::function<void()> landing);
  /// Whether an operation that could land now or later is to land now.
  bool lands_early();

  unsigned threads() const { return static_cast<unsigned>(states_.size()); }
  bool has_ended(unsigned rank) const { return exited_[rank] == block_threads_; }

 private:
  struct State {
    std::unique_ptr<Fiber> fiber;
    Wait wait = {};
    bool exited = false;
  };
  struct Pending {
    unsigned blocks;
    std::function<void()> landing;
  };
  static void thread_main(void* self);
  void exit_thread();
  void continue_with_next(Fiber& from);
  void land_one(std::size_t index);
  State& state() { return states_[running.agent]; }
  void enter_next();
  std::string deadlock() const;
  std::string deadlock_of(unsigned rank) const;

  const unsigned block_threads_;
  const std::function<void()>& body_;
  const Options& options_;
  const std::function<void(unsigned)> enter_;
  std::mt19937_64 random_;
  Fiber main_;
  std::vector<State> states_;
  std::deque<unsigned> ready_;
  std::deque<Pending> landings_;
  unsigned first_block_ = 0;
  std::vector<unsigned> exited_;  ///< threads, by block
  std::string error_;
};

}  // namespace convtune::emulator
