#include "tests/emulator/mbarriers.hpp"

#include <gtest/gtest.h>

#include "tests/emulator/cases/mbarrier.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(Mbarriers, HandSlotsOver) {
  std::vector<unsigned> in(224), expected;
  for (unsigned i = 0; i < 224; ++i) in[i] = 11 * i;
  for (const unsigned value : in) expected.push_back(value + 1);
  EXPECT_EQ(run_case(mbarrier_case, one_block(64, 288), in, 224), expected);
}

/// One slot, handed over three times from warp 0 to warp 1, with one thing wrong.
enum class Bug {
  none,
  no_init,
  no_full_wait,
  no_empty_wait,
  wrong_parity,
  no_arrival,
  one_arrival_too_many,
  too_many_bytes,
};

void hand_over(Bug bug) {
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned full = shared_address(words + 32), empty = full + 8;
  const unsigned lane = thread_index() % 32;
  if (thread_index() == 0 && bug != Bug::no_init) {
    mbarrier_init(full, 32);
    mbarrier_init(empty, 32);
  }
  block_barrier();
  for (int round = 0; round < 3; ++round) {
    if (thread_index() < 32) {
      if (bug != Bug::no_empty_wait) mbarrier_wait(empty, round % 2 ^ 1);
      words[lane] = 1;
      if (bug == Bug::too_many_bytes)
        mbarrier_arrive_expect(full, 4);
      else if (bug != Bug::no_arrival || lane != 3)
        mbarrier_arrive(full);
      if (bug == Bug::one_arrival_too_many && lane == 31) mbarrier_arrive(full);
    } else {
      if (bug != Bug::no_full_wait) mbarrier_wait(full, bug == Bug::wrong_parity ? 1 : round % 2);
      load_shared<1>(words + (lane ^ 1));
      mbarrier_arrive(empty);
    }
  }
}

void expect_caught_bug(Bug bug, const std::string& words) {
  expect_caught(
      one_block(64, 144), [=] { hand_over(bug); }, words);
}

TEST(Mbarriers, CatchPlantedBugs) {
  for (const Options& options : all_options())
    EXPECT_EQ(launch(
                  one_block(64, 144), [] { hand_over(Bug::none); }, options)
                  .error,
              "");
  expect_caught_bug(Bug::no_init, "there is no mbarrier");
  expect_caught_bug(Bug::no_arrival, "lacks 1 of 32 arrivals and 0 bytes");
  expect_caught_bug(Bug::too_many_bytes, "lacks 0 of 32 arrivals and 128 bytes");
}

TEST(Mbarriers, CatchPlantedRaces) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  expect_caught_bug(Bug::no_full_wait, "shared byte");
  expect_caught_bug(Bug::no_empty_wait, "block 0");
  expect_caught_bug(Bug::one_arrival_too_many, "block 0");
  expect_caught_bug(Bug::wrong_parity, "shared byte");
  expect_caught(
      one_block(64, 8),
      [] {
        const unsigned barrier = shared_address(shared_memory());
        if (thread_index() == 0) mbarrier_init(barrier, 64);
        warp_barrier();  // but warp 1 is told nothing
        mbarrier_arrive(barrier);
      },
      "block 0");
}

TEST(Mbarriers, CatchMoreArrivalsThanAPhaseHas) {
  expect_caught(
      one_block(1, 16),
      [] {
        const unsigned barrier = shared_address(shared_memory());
        mbarrier_init(barrier, 1);
        mbarrier_arrive_expect(barrier, 16);  // bytes that nobody brings: the phase goes on
        mbarrier_arrive(barrier);
      },
      "more than the 1 arrivals");
}

TEST(Mbarriers, CatchWhatNoMbarrierCanBe) {
  const auto init = [](unsigned offset, int arrivals) {
    return [=] { mbarrier_init(shared_address(shared_memory()) + offset, arrivals); };
  };
  expect_caught(one_block(1, 16), init(4, 1), "not aligned");
  expect_caught(one_block(1, 16), init(16, 1), "outside the 16");
  expect_caught(one_block(1, 16), init(0, 0), "0 arrivals");
}

}  // namespace
}  // namespace convtune::cuda
