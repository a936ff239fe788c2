#include <gtest/gtest.h>

#include "tests/emulator/cases/warp.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(Warp, ShufflesFollowTheirDefinition) {
  std::vector<unsigned> in(128), expected;
  for (unsigned i = 0; i < 64; ++i) {
    in[2 * i] = 1000 + i;
    in[2 * i + 1] = i * 7 % 32;
  }
  for (unsigned i = 0; i < 64; ++i) {
    const unsigned base = i / 32 * 32;
    expected.push_back(1000 + base + i * 7 % 32);
    expected.push_back(1000 + (i ^ 5));
    expected.push_back(1000 + (i % 32 + 3 < 32 ? i + 3 : i));
  }
  EXPECT_EQ(run_case(shuffle_case, one_block(64), in, 192), expected);
}

TEST(Warp, CatchesALaneThatDoesNotTakePart) {
  expect_caught(
      one_block(32),
      [] {
        if (thread_index() != 9) shuffle(1, 0);
      },
      "deadlock in block 0: threads 0-8, 10-31 wait for the warp's shuffle");
}

TEST(Warp, CatchesLanesAtDifferentOperations) {
  expect_caught(
      one_block(32),
      [] {
        if (lane_index() % 2 == 0)
          warp_barrier();
        else
          shuffle(1, 0);
      },
      "warp 0 diverged");
}

TEST(Warp, CatchesLanesInDifferentPlaces) {
  expect_caught(
      one_block(32),
      [] {
        if (lane_index() < 7)
          shuffle(1, 0);
        else
          shuffle(2, 0);
      },
      "warp 0 diverged");
}

TEST(Warp, CatchesAWarpThatIsNotFull) {
  expect_caught(
      one_block(48), [] { warp_barrier(); }, "warp 1 lacks threads");
}

}  // namespace
}  // namespace convtune::cuda
