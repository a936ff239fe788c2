#include "kernels/cpu/thread_place.hpp"

#include <unistd.h>

#include <cstring>

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
  cpu_set_t before = {};
  if (sched_getaffinity(thread_, sizeof before, &before) != 0) return;
  // From an earlier call it may be off another CPU, and have been given other ones since.
  if (off_ != nowhere && CPU_EQUAL(&before, &without_) != 0) before = before_;
  cpu_set_t without = before;
  CPU_CLR(cpu, &without);
  if (CPU_COUNT(&without) == 0) without = before;
  if (sched_setaffinity(thread_, sizeof without, &without) != 0) return;
  before_ = before;
  without_ = without;
  off_ = cpu;
}

void ThreadPlace::come_back() {
  if (off_ == nowhere) return;
  off_ = nowhere;
  cpu_set_t now = {};
  if (sched_getaffinity(0, sizeof now, &now) != 0 || CPU_EQUAL(&now, &without_) == 0) return;
  // All CPUs mean those that the process gets later, too; a list would stay what it is.
  cpu_set_t all;
  std::memset(&all, 0xFF, sizeof all);
  const bool tried = sched_setaffinity(0, sizeof all, &all) == 0;
  if (tried && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &before_) != 0)
    return;
  sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace convtune
