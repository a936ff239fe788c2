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

void run_on(pid_t thread, const std::set<int>& cpus) {
  cpu_set_t mask = {};
  for (const int cpu : cpus) CPU_SET(cpu, &mask);
  EXPECT_EQ(sched_setaffinity(thread, sizeof mask, &mask), 0);
}

std::set<int> without(std::set<int> cpus, int cpu) {
  cpus.erase(cpu);
  return cpus;
}

// A thread that calls fall_asleep(), waits until it is told, wakes and comes back, and waits again.
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
    place.wait_here();
    place.fall_asleep();
    stage_ = asleep;
    while (stage_ == asleep) std::this_thread::yield();
    place.wake();
    place.come_back();
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
  for (const int cpu : {*all.begin(), *all.rbegin(), *all.begin()}) {  // its waker moves
    sleeper.place.keep_off(cpu);
    EXPECT_EQ(cpus_of(sleeper.id), without(all, cpu));
  }
  sleeper.wake();
  EXPECT_EQ(cpus_of(sleeper.id), all);
  sleeper.place.keep_off(*all.begin());
  EXPECT_EQ(cpus_of(sleeper.id), all) << "it is awake";
}

TEST(ThreadPlace, RespectsWhatASleeperIsGivenMeanwhile) {
  const std::set<int> all = cpus_of(0);
  if (all.size() < 2) GTEST_SKIP() << "this process may run on one CPU only";
  const std::set<int> first = {*all.begin()};
  Sleeper sleeper;
  sleeper.place.keep_off(*all.begin());
  run_on(sleeper.id, first);
  sleeper.wake();
  EXPECT_EQ(cpus_of(sleeper.id), first);
}

TEST(ThreadPlace, LeavesAThreadTheOnlyCpuThatItHas) {
  const std::set<int> only = {*cpus_of(0).begin()};
  std::thread([&] {
    run_on(0, only);
    Sleeper sleeper;  // inherits it
    sleeper.place.keep_off(*only.begin());
    EXPECT_EQ(cpus_of(sleeper.id), only);
  }).join();
}

TEST(ThreadPlace, MovesOneThatWaitsAwakeIfItIsThere) {
  const std::set<int> all = cpus_of(0);
  if (all.size() < 2) GTEST_SKIP() << "this process may run on one CPU only";
  ThreadPlace place;
  std::thread([&] {
    run_on(0, {*all.begin()});
    place.wait_here();
    run_on(0, all);
    place.keep_off(*all.rbegin());
    EXPECT_EQ(cpus_of(0), all);
    place.keep_off(*all.begin());
    EXPECT_EQ(cpus_of(0), without(all, *all.begin()));
    place.come_back();
    EXPECT_EQ(cpus_of(0), all);
  }).join();
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
