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

/// Fibers of one block and what runs next.
class Scheduler {
 public:
  Scheduler(unsigned threads, const std::function<void()>& body, const Options& options);

  /// Runs all threads of a block to their end. Returns the first problem, or nothing.
  std::string run_block(unsigned block);

  // For the running thread.
  /// Suspends it until another wakes it.
  void wait(const Wait& why);
  /// Ends the launch; the message gains the block and the thread. Throws Abandoned.
  [[noreturn]] void fail(const std::string& message);
  /// After fail(): gives the thread up without unwinding the rest of it.
  [[noreturn]] void abandon();

  void wake(unsigned thread);
  /// Queues what an asynchronous operation does when it lands, or does it at once.
  void land_later(std::function<void()> landing);
  /// Whether an operation that could land now or later is to land now.
  bool lands_early();

  unsigned threads() const { return static_cast<unsigned>(states_.size()); }

 private:
  struct State {
    std::unique_ptr<Fiber> fiber;
    Wait wait = {};
    bool exited = false;
  };
  static void thread_main(void* self);
  void exit_thread();
  void continue_with_next(Fiber& from);
  void land_one(std::size_t index);
  unsigned take_ready();
  std::string deadlock() const;

  const std::function<void()>& body_;
  const Options& options_;
  std::mt19937_64 random_;
  Fiber main_;
  std::vector<State> states_;
  std::deque<unsigned> ready_;
  std::deque<std::function<void()>> landings_;
  unsigned exited_ = 0;
  std::string error_;
};

}  // namespace convtune::emulator
