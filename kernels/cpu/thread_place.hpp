#pragma once

#include <sched.h>
#include <sys/types.h>

namespace convtune {

/// Keeps a thread of a pool off the CPU of the thread that gives it work. In a virtual machine
/// Linux takes an idle CPU that the host has put to sleep for a busy one, wakes threads where their
/// waker runs, and leaves them there for milliseconds: two threads take as long as one.
class ThreadPlace {
 public:
  /// By the thread itself, under the pool's lock: it is about to sleep, or awake.
  void fall_asleep();
  void wake();
  bool asleep() const { return thread_ != 0; }

  /// By its waker, under that lock: it does not wake on `cpu`, if it may run elsewhere.
  void keep_off(int cpu);

  /// By the thread itself, awake: it may run again wherever it might before.
  void come_back();

 private:
  static constexpr int nowhere = -1;
  pid_t thread_ = 0;  // that sleeps, or 0
  int off_ = nowhere;
  cpu_set_t before_ = {}, without_ = {};
};

/// Moves the calling thread to another CPU than `cpu`, if it may run elsewhere.
void leave_cpu(int cpu);

}  // namespace convtune
