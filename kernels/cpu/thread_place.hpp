#pragma once

#include <sched.h>
#include <sys/types.h>

namespace convtune {

/// Keeps a thread of a pool off the CPU of the thread that gives it work. In a virtual machine
/// Linux takes an idle CPU that the host has put to sleep for a busy one, wakes threads where their
/// waker runs, and leaves them there for milliseconds: two threads take as long as one.
class ThreadPlace {
 public:
  /// By the thread itself: it is about to sleep, or is awake and may run again wherever it might.
  void fall_asleep();
  void wake();

  /// By its waker, under the lock of the two calls above: it does not wake on `cpu`, if it may run
  /// elsewhere.
  void keep_off(int cpu);

 private:
  pid_t thread_ = 0;  // that sleeps, or 0
  bool kept_off_ = false;
  cpu_set_t allowed_ = {};
};

/// Moves the calling thread to another CPU than `cpu`, if it may run elsewhere.
void leave_cpu(int cpu);

}  // namespace convtune
