#include "tests/emulator/launch.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "tests/emulator/cases/grid.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(Launch, RunsEveryThreadOfEveryBlockOnce) {
  std::vector<int> seen(5 * 96);
  const Report report = launch({.grid = {5, 1, 1}, .block = {96, 1, 1}},
                               [&] { ++seen[block_index() * 96 + thread_index()]; });
  EXPECT_EQ(report.error, "");
  EXPECT_THAT(seen, testing::Each(1));
}

TEST(Launch, TellsEveryBlockHowManyThereAre) {
  const LaunchGeometry five = {.grid = {5, 1, 1}, .block = {64, 1, 1}};
  EXPECT_THAT(run_case(grid_case, five, {}, 10),
              testing::ElementsAre(0, 5, 1, 5, 2, 5, 3, 5, 4, 5));
}

TEST(Launch, StopsAtTheFirstProblemAndSaysWhere) {
  unsigned last = 0;
  const Report report = launch({.grid = {9, 1, 1}, .block = {32, 1, 1}, .shared_bytes = 4}, [&] {
    last = block_index();
    if (block_index() == 4 && thread_index() == 7)
      load_shared<2>(reinterpret_cast<unsigned*>(shared_memory()));
  });
  EXPECT_THAT(report.error, testing::EndsWith("[block 4, thread 7]"));
  EXPECT_EQ(last, 4U);
}

TEST(Launch, RefusesWhatNoGpuLaunches) {
  const auto error = [](const LaunchGeometry& geometry) { return launch(geometry, [] {}).error; };
  EXPECT_NE(error({.grid = {1, 2, 1}}), "");
  EXPECT_NE(error({.block = {32, 1, 2}}), "");
  EXPECT_NE(error({.grid = {0, 1, 1}}), "");
  EXPECT_NE(error(one_block(1025)), "");
  EXPECT_NE(error(one_block(32, 227 * 1024 + 4)), "");
  EXPECT_EQ(error(one_block(1024, 227 * 1024)), "");
}

TEST(Launch, MayHappenOnSeveralOsThreads) {
  const auto many = [] {
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(launch({.grid = {4, 1, 1}, .block = {64, 1, 1}}, [] { block_barrier(); }).error,
                "");
  };
  std::thread other(many);
  many();
  other.join();
}

}  // namespace
}  // namespace convtune::cuda
