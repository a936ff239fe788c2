#include "tests/emulator/barriers.hpp"

#include <gtest/gtest.h>

#include "tests/emulator/cases/warp.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(Barriers, OrderSharedMemory) {
  std::vector<unsigned> in(128);
  for (unsigned i = 0; i < 128; ++i) in[i] = 3 * i + 1;
  EXPECT_EQ(run_case(shared_case, one_block(128, 512), in, 128), in);
}

TEST(Barriers, NamedOnesOrderProducersAndConsumers) {
  std::vector<unsigned> in(256), expected(256);
  for (unsigned i = 0; i < 256; ++i) in[i] = 7 * i;
  for (unsigned i = 0; i < 256; ++i) expected[i] = in[i / 64 * 64 + 63 - i % 64] + 1;
  EXPECT_EQ(run_case(named_barrier_case, one_block(192, 256), in, 256), expected);
}

TEST(Barriers, LastWarpMayBeShort) {
  EXPECT_EQ(launch(one_block(40), [] { block_barrier(); }).error, "");
}

TEST(Barriers, CatchAThreadThatExitsBeforeTheBlocksBarrier) {
  expect_caught(
      one_block(64),
      [] {
        if (thread_index() != 5) block_barrier();
      },
      "threads 0-4, 6-63 wait at barrier 0");
}

TEST(Barriers, CatchAWarpThatReachesTheBlocksBarrierInTwoPlaces) {
  expect_caught(
      one_block(64),
      [] {
        if (lane_index() < 16) block_barrier();
        if (lane_index() >= 16) block_barrier();
      },
      "the lanes of warp");
}

TEST(Barriers, CatchHalfWarpsThatMakeUpTheCount) {
  expect_caught(
      one_block(64),
      [] {
        if (lane_index() < 16) named_barrier_wait(1, 32);
      },
      "only 16 of the 32 lanes");
}

TEST(Barriers, CatchCountsThatDisagree) {
  expect_caught(
      one_block(96), [] { named_barrier_wait(3, warp_index() == 0 ? 64 : 96); },
      "barrier 3 is for");
}

TEST(Barriers, CatchCountsThatAreNoWholeWarps) {
  expect_caught(
      one_block(64), [] { named_barrier_wait(1, 48); }, "not for whole warps");
  expect_caught(
      one_block(64), [] { named_barrier_wait(1, 128); }, "not for whole warps");
}

TEST(Barriers, CatchNumbersThatAreNotThere) {
  expect_caught(
      one_block(32), [] { named_barrier_wait(16, 32); }, "no barrier 16");
  expect_caught(
      one_block(32), [] { named_barrier_wait(0, 32); }, "the block's own");
}

}  // namespace
}  // namespace convtune::cuda
