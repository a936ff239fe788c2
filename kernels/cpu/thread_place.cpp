#include "kernels/cpu/thread_place.hpp"

#include <unistd.h>

namespace convtune {

void ThreadPlace::wait_here() {
  if (thread_ == 0) thread_ = gettid();
  waits_on_ = sched_getcpu();
}

void ThreadPlace::fall_asleep() {
  asleep_ = true;
  waits_on_ = nowhere;
}

void ThreadPlace::wake() {
  asleep_ = false;
  waits_on_ = nowhere;
}

void ThreadPlace::keep_off(int cpu) {
  if ((!asleep_ && waits_on_ != cpu) || cpu == off_) return;
  cpu_set_t now = {};
  if (sched_getaffinity(thread_, sizeof now, &now) != 0) return;
  // It may have waited since an earlier call, and have been given other CPUs since.
  if (off_ == nowhere || CPU_EQUAL(&now, &without_) == 0) before_ = now;
  without_ = before_;
  CPU_CLR(cpu, &without_);
  if (CPU_COUNT(&without_) == 0) without_ = before_;
  if (sched_setaffinity(thread_, sizeof without_, &without_) == 0) off_ = cpu;
}

void ThreadPlace::come_back() {
  if (off_ == nowhere) return;
  off_ = nowhere;
  cpu_set_t now = {};
  const bool known = sched_getaffinity(0, sizeof now, &now) == 0;
  if (known && CPU_EQUAL(&now, &without_) != 0) sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace convtune
