#include "tests/emulator/scheduler.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "kernels/cuda/device/barrier.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

std::vector<unsigned> order_of(const Options& options) {
  std::vector<unsigned> order;
  const auto kernel = [&] {
    order.push_back(thread_index());
    block_barrier();
    order.push_back(thread_index());
  };
  EXPECT_EQ(launch(one_block(64), kernel, options).error, "");
  return order;
}

TEST(Scheduler, RunsThreadsInOrder) {
  std::vector<unsigned> first = order_of({});
  first.resize(64);
  std::vector<unsigned> expected(64);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(first, expected);
}

TEST(Scheduler, DrawsTheOrderFromTheSeed) {
  std::set<std::vector<unsigned>> orders;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Options options = {.schedule = Schedule::random, .seed = seed};
    orders.insert(order_of(options));
    EXPECT_EQ(order_of(options), order_of(options));
  }
  EXPECT_EQ(orders.size(), 4U);
}

TEST(Scheduler, SaysWhoWaitsWhereInADeadlock) {
  const Report report = launch({.grid = {3, 1, 1}, .block = {96, 1, 1}}, [] {
    if (block_index() < 2) return;
    if (warp_index() == 0) named_barrier_wait(1, 64);
    if (warp_index() == 1) named_barrier_wait(2, 64);
  });
  EXPECT_THAT(report.error,
              testing::MatchesRegex("deadlock in block 2: threads 0-31 wait at barrier 1 at "
                                    ".*scheduler_test.cpp:[0-9]+; threads 32-63 wait at barrier 2 "
                                    "at .*scheduler_test.cpp:[0-9]+; threads 64-95 have exited"));
}

TEST(Scheduler, RunsOnAfterAFailedLaunch) {
  EXPECT_NE(launch(one_block(64), [] { named_barrier_wait(1, 64 - lane_index() % 2); }).error, "");
  EXPECT_EQ(order_of({}).size(), 128U);
}

}  // namespace
}  // namespace convtune::cuda
