#include "tests/emulator/race_detector.hpp"

#include <gtest/gtest.h>

#include "kernels/cuda/device/barrier.cuh"
#include "kernels/cuda/device/shared.cuh"
#include "kernels/cuda/device/shuffle.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

// Plain accesses are visible only where no other sanitizer is.
class Races : public testing::Test {
 protected:
  void SetUp() override {
    if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  }
};

unsigned* words() { return reinterpret_cast<unsigned*>(shared_memory()); }

/// A pipeline of one stage, run for three steps: a thread fills its word, and reads its
/// neighbour's.
void pipeline(bool wait_until_full, bool wait_until_empty) {
  const unsigned thread = thread_index();
  for (unsigned step = 0; step < 3; ++step) {
    words()[thread] = step;
    if (wait_until_full) block_barrier();
    shuffle(words()[thread ^ 32], 0);
    if (wait_until_empty) block_barrier();
  }
}

TEST_F(Races, AreNoneWithBothBarriers) {
  for (const Options& options : all_options()) {
    const auto kernel = [] { pipeline(true, true); };
    const LaunchGeometry blocks = {.grid = {3, 1, 1}, .block = {64, 1, 1}, .shared_bytes = 256};
    EXPECT_EQ(launch(blocks, kernel, options).error, "");
  }
}

TEST_F(Races, CatchAMissingBarrierBeforeReading) {
  expect_caught(
      one_block(64, 256), [] { pipeline(false, true); }, "shared byte");
}

TEST_F(Races, CatchAMissingBarrierBeforeWritingAgain) {
  expect_caught(
      one_block(64, 256), [] { pipeline(true, false); }, "race");
}

TEST_F(Races, CatchTwoWriters) {
  expect_caught(
      one_block(64, 256), [] { words()[thread_index() % 63] = 1; }, "race");
}

TEST_F(Races, CatchAShuffleTakenForABarrier) {
  expect_caught(
      one_block(32, 128),
      [] {
        words()[thread_index()] = 1;
        shuffle(1, 0);
        shuffle(words()[thread_index() ^ 1], 0);
      },
      "race");
}

TEST_F(Races, CatchAWarpsBarrierTakenForTheBlocks) {
  expect_caught(
      one_block(64, 256),
      [] {
        words()[thread_index()] = 1;
        warp_barrier();
        shuffle(words()[thread_index() ^ 32], 0);
      },
      "shared byte");
}

TEST_F(Races, CatchVectorsThatOverlap) {
  expect_caught(
      one_block(32, 512),
      [] { store_shared(words() + 4 * (thread_index() / 2), Vector<unsigned, 4>{}); }, "race");
}

TEST_F(Races, AreNoneBetweenNeighboursOfTwoBytes) {
  const Report report = launch(one_block(64, 128), [] {
    reinterpret_cast<unsigned short*>(shared_memory())[thread_index()] = 1;
  });
  EXPECT_EQ(report.error, "");
}

TEST_F(Races, KnowledgeIsPassedOn) {
  // Thread 0 tells warp 0, which tells warp 1 by a named barrier, which tells warp 2.
  const Report report = launch(one_block(96, 4), [] {
    if (thread_index() == 0) *words() = 1;
    if (warp_index() == 0) {
      warp_barrier();
      named_barrier_arrive(1, 64);
    } else if (warp_index() == 1) {
      named_barrier_wait(1, 64);
      named_barrier_arrive(2, 64);
    } else {
      named_barrier_wait(2, 64);
      if (thread_index() == 95) *words() = 2;
    }
  });
  EXPECT_EQ(report.error, "");
}

TEST_F(Races, CatchAThreadThatOnlyArrivedAtABarrier) {
  expect_caught(
      one_block(64, 4),
      [] {
        auto* word = reinterpret_cast<unsigned*>(shared_memory());
        if (thread_index() == 0) *word = 1;
        if (warp_index() == 0)
          named_barrier_wait(1, 64);
        else
          named_barrier_arrive(1, 64);
        if (thread_index() == 63) *word = 2;
      },
      "race");
}

TEST_F(Races, CatchReadsOfWhatNobodyWrote) {
  expect_caught(
      one_block(32, 128), [] { shuffle(words()[thread_index()], 0); }, "never written");
  expect_caught(
      one_block(32, 128),
      [] {
        if (thread_index() < 31) words()[thread_index()] = 1;
        block_barrier();
        shuffle(words()[thread_index()], 0);
      },
      "never written");
  const LaunchGeometry two_blocks = {.grid = {2, 1, 1}, .block = {1, 1, 1}, .shared_bytes = 8};
  expect_caught(
      two_blocks,
      [] {
        if (block_index() == 0) words()[0] = 1;
        load_shared<1>(words());
      },
      "never written");
}

TEST_F(Races, CatchPlainAccessesOutside) {
  expect_caught(
      one_block(33, 128), [] { words()[thread_index()] = 1; }, "outside the 128");
  expect_caught(
      one_block(1, 128), [] { words()[-1] = 1; }, "outside the 128");
  expect_caught(
      one_block(1, 128), [] { load_shared<1>(words() + 32); }, "outside the 128");
}

TEST_F(Races, RememberMoreReadersThanFitAtFirst) {
  expect_caught(
      one_block(256, 4),
      [] {
        if (thread_index() == 0) *words() = 1;
        block_barrier();
        for (int i = 0; i < 40; ++i) {
          load_shared<1>(words());
          warp_barrier();
        }
        if (warp_index() > 0) named_barrier_wait(1, 224);
        if (thread_index() == 255) *words() = 2;
      },
      "which thread");
}

}  // namespace
}  // namespace convtune::cuda
