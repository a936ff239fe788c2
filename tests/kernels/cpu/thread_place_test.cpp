#include "kernels/cpu/thread_place.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "kernels/cpu/thread_pool.hpp"

namespace convtune {
namespace {

std::set<int> cpus_of(pid_t thread) {
  cpu_set_t mask = {};
  EXPECT_EQ(sched_getaffinity(thread, sizeof mask, &mask), 0);
  std::set<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.insert(cpu);
  }
  return cpus;
}

// A thread that calls fall_asleep(), waits until it is told, calls wake(), and waits again.
class Sleeper {
 public:
  Sleeper() {
    while (stage_ != asleep) std::this_thread::yield();
  }
  ~Sleeper() {
    stage_ = leaving;
    thread_.join();
  }
  void wake() {
    stage_ = waking;
    while (stage_ != awake) std::this_thread::yield();
  }

  ThreadPlace place;
  std::atomic<pid_t> id = 0;

 private:
  enum Stage { starting, asleep, waking, awake, leaving };

  void live() {
    id = gettid();
    place.fall_asleep();
    stage_ = asleep;
    while (stage_ == asleep) std::this_thread::yield();
    place.wake();
    if (stage_ == waking) stage_ = awake;
    while (stage_ != leaving) std::this_thread::yield();
  }

  std::atomic<Stage> stage_ = starting;
  std::thread thread_ = std::thread([this] { live(); });
};

TEST(ThreadPlace, KeepsASleeperOffACpuUntilItIsAwake) {
  const std::set<int> all = cpus_of(0);
  if (all.size() < 2) GTEST_SKIP() << "this process may run on one CPU only";
  Sleeper sleeper;
  sleeper.place.keep_off(*all.begin());
  std::set<int> others = all;
  others.erase(others.begin());
  EXPECT_EQ(cpus_of(sleeper.id), others);
  sleeper.wake();
  EXPECT_EQ(cpus_of(sleeper.id), all);
  sleeper.place.keep_off(*all.begin());
  EXPECT_EQ(cpus_of(sleeper.id), all) << "it is awake";
}

TEST(ThreadPlace, LeavesAThreadTheOnlyCpuThatItHas) {
  const std::set<int> all = cpus_of(0);
  std::thread([&] {
    cpu_set_t one = {};
    CPU_SET(*all.begin(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    Sleeper sleeper;  // inherits it
    sleeper.place.keep_off(*all.begin());
    EXPECT_EQ(cpus_of(sleeper.id), std::set<int>{*all.begin()});
    leave_cpu(*all.begin());
    EXPECT_EQ(cpus_of(0), std::set<int>{*all.begin()});
  }).join();
}

TEST(ThreadPlace, LeavesACpuForTheMomentOnly) {
  const std::set<int> all = cpus_of(0);
  for (int cpu : all) leave_cpu(cpu);
  EXPECT_EQ(cpus_of(0), all);
}

// Whether they slept when the job came, or waited awake on the CPU of its caller.
TEST(ThreadPlace, LetsThreadsOfAPoolRunWhereverTheProcessMay) {
  const std::set<int> all = cpus_of(0);
  ThreadPool pool(2);
  for (int round = 0; round < 100; ++round) {
    std::atomic<int> arrived = 0;
    std::atomic<int> restricted = 0;
    pool.parallel_for(2, 100 * ThreadPool::work_of_a_thread, [&](std::int64_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();  // each of the threads has one
      restricted += cpus_of(0) != all;
    });
    EXPECT_EQ(restricted, 0) << round;
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace
}  // namespace convtune
