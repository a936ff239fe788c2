#include "kernels/cpu/thread_pool.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "tests/refusal.hpp"

namespace convtune {
namespace {

using testing::Each;
using testing::HasSubstr;

/// Operations that are worth all threads of any pool here.
constexpr std::int64_t plenty = 100 * ThreadPool::work_of_a_thread;

TEST(ThreadPool, CallsEveryTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t count : {0, 1, 2, 3, 1000}) {
      std::vector<int> calls(static_cast<std::size_t>(count), 0);
      pool.parallel_for(count, plenty,
                        [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
      EXPECT_THAT(calls, Each(1)) << threads << " threads";
    }
  }
}

TEST(ThreadPool, UsesAllItsThreads) {
  constexpr int threads = 3;
  ThreadPool pool(threads);
  std::atomic<int> arrived = 0;
  // Each task waits for the others: it ends only if all run at once.
  pool.parallel_for(threads, plenty, [&](std::int64_t) {
    ++arrived;
    while (arrived < threads) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, threads);
}

TEST(ThreadPool, WakesAsManyAsTheWorkIsWorth) {
  constexpr int wanted = 3;
  ThreadPool pool(5);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(round % 2 == 0 ? 500 : 0));
    std::atomic<int> arrived = 0;
    pool.parallel_for(wanted, wanted * ThreadPool::work_of_a_thread, [&](std::int64_t) {
      ++arrived;
      while (arrived < wanted) std::this_thread::yield();
    });
    EXPECT_EQ(arrived, wanted);
  }
}

TEST(ThreadPool, WakesNobodyForLittleWork) {
  ThreadPool pool(3);
  std::set<std::thread::id> ran;  // by one thread only: no lock
  for (int round = 0; round < 1000; ++round) {
    pool.parallel_for(8, 2 * ThreadPool::work_of_a_thread - 1,
                      [&](std::int64_t) { ran.insert(std::this_thread::get_id()); });
  }
  EXPECT_THAT(ran, testing::ElementsAre(std::this_thread::get_id()));
}

TEST(ThreadPool, SleepsSoonAfterAJob) {
  ThreadPool pool(3);
  pool.parallel_for(3, plenty, [](std::int64_t) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::clock_t before = std::clock();  // of all threads
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 1000);
}

// Some jobs come before the threads of the last one sleep, others after.
TEST(ThreadPool, CallsEveryTaskOnceWhateverThePauses) {
  ThreadPool pool(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> calls(4, 0);
    pool.parallel_for(4, plenty, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    ASSERT_THAT(calls, Each(1)) << round;
    std::this_thread::sleep_for(std::chrono::microseconds(round % 3 == 0 ? 0 : round % 100));
  }
}

// The child has no workers and must not wait for any; an alarm ends it if it does.
TEST(ThreadPool, ServesTheChildOfAForkAndEndsThere) {
  auto pool = std::make_unique<ThreadPool>(3);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::atomic<int> calls = 0;
    pool->parallel_for(5, plenty, [&](std::int64_t) { ++calls; });
    pool.reset();
    _exit(calls);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
}

TEST(ThreadPool, RunsANestedCallWithinItsTask) {
  ThreadPool pool(3);
  std::atomic<int> calls = 0;
  pool.parallel_for(4, plenty, [&](std::int64_t) {
    pool.parallel_for(5, plenty, [&](std::int64_t) { ++calls; });
  });
  EXPECT_EQ(calls, 20);
}

TEST(ThreadPool, ServesCallersOfSeveralThreads) {
  ThreadPool pool(2);
  std::atomic<std::int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        pool.parallel_for(7, plenty, [&](std::int64_t i) { sum += i; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 100 * 21);
}

class DefaultThreads : public testing::Test {
 protected:
  DefaultThreads() {
    if (const char* value = std::getenv(name)) before_ = value;
  }
  ~DefaultThreads() override {
    before_.empty() ? unsetenv(name) : setenv(name, before_.c_str(), 1);
  }
  static constexpr const char* name = "CONVTUNE_NUM_THREADS";

 private:
  std::string before_;
};

TEST_F(DefaultThreads, FollowTheEnvironment) {
  setenv(name, "3", 1);
  EXPECT_EQ(default_threads(), 3);
}

TEST_F(DefaultThreads, AreAtLeastOneWithoutIt) {
  unsetenv(name);
  const int threads = default_threads();
  EXPECT_GE(threads, 1);
  setenv(name, "", 1);
  EXPECT_EQ(default_threads(), threads) << "empty is unset";
}

TEST_F(DefaultThreads, RefuseWhatIsNoNumberOfThreads) {
  for (const char* text : {"0", "-1", "two", "2x", " 2", "99999999999"}) {
    setenv(name, text, 1);
    EXPECT_THAT(refusal([] { default_threads(); }), HasSubstr(text));
  }
}

}  // namespace
}  // namespace convtune
