#pragma once

#include <sched.h>
#include <sys/types.h>

#include <atomic>

namespace convtune {

/// Keeps a thread of a pool off the CPU of the thread that gives it work. In a virtual machine
/// Linux takes an idle CPU that the host has put to sleep for a busy one, wakes threads where their
/// waker runs, and leaves them there for milliseconds: two threads take as long as one.
class ThreadPlace {
 public:
  /// By the thread itself: it waits for work, awake. To be called again and again.
  void wait_here();
  /// Likewise, under the pool's lock: it is about to sleep, or has work.
  void fall_asleep();
  void wake();
  bool asleep() const { return asleep_; }

  /// By who has work, under that lock: the thread does not wake on `cpu`, nor go on waiting there,
  /// if it may run elsewhere.
  void keep_off(int cpu);

  /// By the thread itself, with work or in vain: it may run again wherever it might before.
  void come_back();

 private:
  static constexpr int nowhere = -1;
  std::atomic<pid_t> thread_ = 0;
  std::atomic<int> waits_on_ = nowhere;
  bool asleep_ = false;
  int off_ = nowhere;
  cpu_set_t before_ = {}, without_ = {};
};

}  // namespace convtune
