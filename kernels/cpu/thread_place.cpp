#include "kernels/cpu/thread_place.hpp"

#include <unistd.h>

namespace convtune {
namespace {

// Whether it may run on others of its CPUs, and now may on no more.
bool forbid(pid_t thread, int cpu, cpu_set_t allowed) {
  CPU_CLR(cpu, &allowed);
  return CPU_COUNT(&allowed) > 0 && sched_setaffinity(thread, sizeof allowed, &allowed) == 0;
}

}  // namespace

void ThreadPlace::fall_asleep() {
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) == 0) thread_ = gettid();
}

void ThreadPlace::wake() {
  if (kept_off_) sched_setaffinity(0, sizeof allowed_, &allowed_);
  kept_off_ = false;
  thread_ = 0;
}

void ThreadPlace::keep_off(int cpu) {
  if (thread_ != 0 && !kept_off_) kept_off_ = forbid(thread_, cpu, allowed_);
}

void leave_cpu(int cpu) {
  ThreadPlace here;
  here.fall_asleep();
  here.keep_off(cpu);
  here.wake();
}

}  // namespace convtune
