#include "tests/emulator/cluster.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "tests/emulator/cases/cluster.cuh"
#include "tests/emulator/emulated.hpp"
#include "tests/emulator/tensor_map.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

LaunchGeometry clusters(unsigned blocks, unsigned cluster, unsigned shared_bytes = 0) {
  return {.grid = {blocks, 1, 1},
          .block = {32, 1, 1},
          .shared_bytes = shared_bytes,
          .cluster = cluster};
}

/// Rows of 64 elements of 16 bits, all different; boxes of 8 rows are 256 words.
struct Rows {
  static constexpr int count = 40, box_rows = 8;
  static constexpr unsigned box_words = 32 * box_rows, box_bytes = 4 * box_words;
  Rows() { std::iota(words.begin(), words.end(), 1); }
  TensorMap map() const {
    return make_tensor_map({.dtype = DType::bfloat16,
                            .rank = 3,
                            .data = words.data(),
                            .size = {64, count, 1},
                            .stride = {2, 128, Int64{128} * count},
                            .box = {64, box_rows, 1}});
  }
  alignas(16) std::array<unsigned, 32 * count> words;
};

TEST(Clusters, RankTheirBlocks) {
  EXPECT_THAT(run_case(cluster_rank_case, clusters(4, 2), {}, 8),
              testing::ElementsAre(0, 0, 1, 1, 2, 0, 3, 1));
  EXPECT_THAT(run_case(cluster_rank_case, clusters(3, 3), {}, 6),
              testing::ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(run_case(cluster_rank_case, clusters(2, 1), {}, 4), testing::ElementsAre(0, 0, 1, 0));
}

TEST(Clusters, ReadEachOthersSharedMemory) {
  std::vector<unsigned> in(std::size_t{8} * 128), expected;
  std::iota(in.begin(), in.end(), 1);
  for (int block = 0; block < 8; ++block) {
    const int next = block / 4 * 4 + (block + 1) % 4;
    for (int time = 0; time < 3; ++time)
      expected.insert(expected.end(), in.begin() + 128 * next, in.begin() + 128 * (next + 1));
  }
  EXPECT_EQ(run_case(cluster_load_case, clusters(8, 4, 512), in, expected.size()), expected);
}

TEST(Clusters, GetWhatEachBlockLoadsForAll) {
  const Rows rows;
  const int first_rows[] = {0, 8, 16, 24, 5, 21, 32, 3, 1, 2};
  std::vector<unsigned> in = {5, Rows::box_words}, both;
  for (const int row : first_rows) {
    in.insert(in.end(), {0, static_cast<unsigned>(row), 0});
    const auto* const box = rows.words.data() + std::ptrdiff_t{32} * row;
    both.insert(both.end(), box, box + Rows::box_words);
  }
  std::vector<unsigned> expected;
  for (int block = 0; block < 4; ++block) expected.insert(expected.end(), both.begin(), both.end());
  EXPECT_EQ(run_case(multicast_case, clusters(4, 2, 2 * Rows::box_bytes + 16), in, expected.size(),
                     rows.map()),
            expected);
}

TEST(Clusters, CountAMulticastOnce) {
  const Rows rows;
  const std::vector<unsigned> in = {1, Rows::box_words, 0, 0, 0, 0, 8, 0};
  std::vector<unsigned> out(std::size_t{4} * Rows::box_words);
  const CaseArgs args = {.in = in.data(), .out = out.data(), .map = rows.map()};
  const Report report =
      launch(clusters(2, 2, 2 * Rows::box_bytes + 16), [&] { multicast_case(args); });
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.counts.bytes_loaded, 2 * Rows::box_bytes);
}

/// Three rounds of what multicast_case does, of which each bug changes one step.
enum class Bug {
  none,
  no_first_barrier,
  no_last_barrier,
  no_init_fence,
  narrow_mask,
  wide_mask,
  no_mask,
  few_bytes,
  many_bytes,
  no_remote_arrival,
  own_arrivals_for_remote,
  one_arrival_too_many,
  no_full_wait,
  no_empty_wait,
  full_wait_of_the_block,
  empty_wait_of_the_block,
  rank_of_no_block,
};

void share(Bug bug, const TensorMap& map) {
  const unsigned rank = cluster_rank();
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned to = shared_address(words), full = to + 2 * Rows::box_bytes, empty = full + 8;
  if (thread_index() == 0) {
    mbarrier_init(full, 1);
    mbarrier_init(empty, bug == Bug::no_remote_arrival ? 1 : 2);
    if (bug != Bug::no_init_fence) mbarrier_init_fence();
  }
  if (bug != Bug::no_first_barrier) cluster_barrier();
  const auto wait = [bug](Bug narrow, unsigned barrier, int parity) {
    if (bug == narrow)
      mbarrier_wait(barrier, parity);
    else
      cluster_mbarrier_wait(barrier, parity);
  };
  for (int round = 0; round < 3; ++round) {
    if (thread_index() == 0) {
      if (bug != Bug::no_empty_wait) wait(Bug::empty_wait_of_the_block, empty, round % 2 ^ 1);
      const int bytes = 2 * static_cast<int>(Rows::box_bytes);
      mbarrier_arrive_expect(full, bug == Bug::few_bytes    ? bytes / 2
                                   : bug == Bug::many_bytes ? bytes + 16
                                                            : bytes);
      const unsigned mask = bug == Bug::narrow_mask ? 1 << rank
                            : bug == Bug::wide_mask ? 7
                            : bug == Bug::no_mask   ? 0
                                                    : 3;
      tma_multicast(to + rank * Rows::box_bytes, map, full, static_cast<unsigned short>(mask), 0,
                    static_cast<int>(rank), 0);
    }
    if (bug != Bug::no_full_wait) wait(Bug::full_wait_of_the_block, full, round % 2);
    for (unsigned w = thread_index(); w < 2 * Rows::box_words; w += 32) load_shared<1>(words + w);
    warp_barrier();
    if (bug == Bug::rank_of_no_block) cluster_address(empty, 2);
    const unsigned times = bug == Bug::one_arrival_too_many && thread_index() == 0 ? 2 : 1;
    for (unsigned i = 0; i < times && thread_index() < 2; ++i) {
      const bool own = thread_index() == rank;
      if (bug == Bug::no_remote_arrival && !own) continue;
      cluster_mbarrier_arrive(
          cluster_address(empty, bug == Bug::own_arrivals_for_remote ? rank : thread_index()));
    }
  }
  if (bug != Bug::no_last_barrier) cluster_barrier();
}

class PlantedBugs : public testing::Test {
 protected:
  void expect_caught_bug(Bug bug, const std::string& words) {
    expect_caught(
        geometry_, [&] { share(bug, map_); }, words);
  }
  const Rows rows_;
  const TensorMap map_ = rows_.map();
  const LaunchGeometry geometry_ = clusters(4, 2, 2 * Rows::box_bytes + 16);
};

TEST_F(PlantedBugs, AreNone) {
  for (const Options& options : all_options())
    EXPECT_EQ(launch(
                  geometry_, [&] { share(Bug::none, map_); }, options)
                  .error,
              "");
}

TEST_F(PlantedBugs, AreCaughtInMulticasts) {
  expect_caught_bug(Bug::no_init_fence, "not fenced");
  expect_caught_bug(Bug::narrow_mask, "lacks 0 of 1 arrivals and 1024 bytes");
  expect_caught_bug(Bug::wide_mask, "block 2 of a cluster of 2");
  expect_caught_bug(Bug::no_mask, "to no block");
  expect_caught_bug(Bug::few_bytes, "byte");
  expect_caught_bug(Bug::many_bytes, "and 16 bytes");
}

TEST_F(PlantedBugs, AreCaughtInRemoteArrivals) {
  expect_caught_bug(Bug::rank_of_no_block, "block 2 of a cluster of 2");
  expect_caught_bug(Bug::empty_wait_of_the_block,
                    "does not see what the cluster's other blocks do");
  expect_caught_bug(Bug::full_wait_of_the_block, "does not see what the cluster's other blocks do");
  expect_caught(
      clusters(2, 2, 8),
      [] {
        const unsigned barrier = shared_address(shared_memory());
        if (thread_index() == 0) mbarrier_init(barrier, 1);
        cluster_barrier();
        if (thread_index() == 0 && cluster_rank() == 0)
          cluster_mbarrier_arrive(cluster_address(barrier, 1));
        if (cluster_rank() == 1) mbarrier_wait(barrier, 0);
        cluster_barrier();
      },
      "does not see what the cluster's other blocks do");
}

TEST_F(PlantedBugs, AreCaughtAsRaces) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  expect_caught_bug(Bug::no_first_barrier, "block ");
  expect_caught_bug(Bug::no_last_barrier, "end");
  expect_caught_bug(Bug::no_full_wait, "shared byte");
  expect_caught_bug(Bug::no_empty_wait, "block ");
  expect_caught_bug(Bug::no_remote_arrival, "block ");
  expect_caught_bug(Bug::own_arrivals_for_remote, "block ");
  expect_caught_bug(Bug::one_arrival_too_many, "block ");
}

/// Two rounds in which each block reads what the other wrote, of which each bug changes one step.
enum class LoadBug {
  none,
  no_barrier_before_reading,
  block_barrier_before_reading,
  no_barrier_before_writing_again,
  no_last_barrier,
  block_barrier_at_last,
  rank_of_no_block,
  behind_the_end,
  not_aligned,
};

void exchange(LoadBug bug) {
  auto* words = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned other = bug == LoadBug::rank_of_no_block ? 2 : 1 - cluster_rank();
  const unsigned skipped = bug == LoadBug::behind_the_end ? 128
                           : bug == LoadBug::not_aligned  ? 4
                                                          : 0;
  for (int round = 0; round < 2; ++round) {
    words[thread_index()] = thread_index();
    if (bug == LoadBug::block_barrier_before_reading)
      block_barrier();
    else if (bug != LoadBug::no_barrier_before_reading)
      cluster_barrier();
    const unsigned from = shared_address(words) + thread_index() / 2 * 8 + skipped;
    cluster_load<unsigned, 2>(cluster_address(from, other));
    const bool last = round == 1;
    if (last && bug == LoadBug::block_barrier_at_last)
      block_barrier();
    else if (bug != (last ? LoadBug::no_last_barrier : LoadBug::no_barrier_before_writing_again))
      cluster_barrier();
  }
}

void expect_caught_in_exchange(LoadBug bug, const std::string& words) {
  expect_caught(
      clusters(4, 2, 128), [bug] { exchange(bug); }, words);
}

TEST(ClusterLoads, HaveNoRacesWithAllBarriers) {
  for (const Options& options : all_options())
    EXPECT_EQ(launch(
                  clusters(4, 2, 128), [] { exchange(LoadBug::none); }, options)
                  .error,
              "");
}

TEST(ClusterLoads, AreRefusedOutsideTheClustersSharedMemory) {
  expect_caught_in_exchange(LoadBug::rank_of_no_block, "block 2 of a cluster of 2");
  expect_caught_in_exchange(LoadBug::behind_the_end, "outside the 128 of shared memory");
  expect_caught_in_exchange(LoadBug::not_aligned, "not aligned");
}

TEST(ClusterLoads, AreCaughtWithoutABarrierOfTheCluster) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  expect_caught_in_exchange(LoadBug::no_barrier_before_reading, "shared byte");
  expect_caught_in_exchange(LoadBug::block_barrier_before_reading, "shared byte");
  expect_caught_in_exchange(LoadBug::no_barrier_before_writing_again, "race: thread");
  expect_caught_in_exchange(LoadBug::no_last_barrier, "end");
  expect_caught_in_exchange(LoadBug::block_barrier_at_last, "end");
}

TEST(ClusterEnds, AreCaughtWhereAnotherBlockMayStillArrive) {
  const auto arrive_at_peer = [](bool late_barrier) {
    return [late_barrier] {
      const unsigned barrier = shared_address(shared_memory());
      if (thread_index() == 0) mbarrier_init(barrier, 1);
      cluster_barrier();
      if (thread_index() == 0 && cluster_rank() == 0)
        cluster_mbarrier_arrive(cluster_address(barrier, 1));
      if (late_barrier) cluster_barrier();
    };
  };
  for (const Options& options : all_options())
    EXPECT_EQ(launch(clusters(2, 2, 8), arrive_at_peer(true), options).error, "");
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  expect_caught(clusters(2, 2, 8), arrive_at_peer(false), "end");
}

TEST(ClusterEnds, AreCaughtWhereACopyIsInFlight) {
  const Rows rows;
  const TensorMap map = rows.map();
  const auto kernel = [&map] {
    const unsigned to = shared_address(shared_memory()), barrier = to + Rows::box_bytes;
    if (thread_index() == 0) {
      mbarrier_init(barrier, 1);
      mbarrier_init_fence();
      mbarrier_arrive_expect(barrier, Rows::box_bytes);
    }
    cluster_barrier();
    if (thread_index() == 0 && cluster_rank() == 0) tma_multicast(to, map, barrier, 3, 0, 0, 0);
    warp_barrier();
    if (cluster_rank() == 0) cluster_mbarrier_wait(barrier, 0);
  };
  EXPECT_THAT(launch(clusters(2, 2, Rows::box_bytes + 8), kernel).error, testing::HasSubstr("end"));
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  expect_caught(clusters(2, 2, Rows::box_bytes + 8), kernel, "end");
}

TEST(ClusterBarriers, CatchPlantedBugs) {
  const auto caught = [](void (*kernel)(), const std::string& words) {
    expect_caught(clusters(2, 2), kernel, words);
  };
  caught([] { cluster_wait(); }, "without having arrived");
  caught([] { cluster_arrive(), cluster_arrive(); }, "again before it waits");
  caught([] { thread_index() < 16 ? cluster_arrive() : cluster_wait(); }, "diverged");
}

TEST(ClusterBarriers, CountThreadsThatHaveEnded) {
  for (const Options& options : all_options())
    EXPECT_EQ(launch(
                  clusters(4, 2),
                  [] {
                    if (cluster_rank() == 1) return;
                    for (int i = 0; i < 3; ++i) cluster_barrier();
                  },
                  options)
                  .error,
              "");
}

TEST(ClusterBarriers, SayWhichBlockWaitsInADeadlock) {
  const Report report = launch(clusters(4, 2, 8), [] {
    const unsigned barrier = shared_address(shared_memory());
    if (thread_index() == 0) mbarrier_init(barrier, 1);
    warp_barrier();
    if (block_index() == 3) mbarrier_wait(barrier, 0);
    cluster_barrier();
  });
  EXPECT_THAT(report.error, testing::StartsWith("deadlock in block 2: threads 0-31 wait at the "
                                                "cluster's barrier with rank 0"));
  EXPECT_THAT(report.error, testing::HasSubstr("; and in block 3: threads 0-31 wait for the "
                                               "mbarrier"));
  EXPECT_THAT(report.error, testing::EndsWith("lacks 1 of 1 arrivals and 0 bytes"));
}

TEST(Clusters, AreRefusedWhereNoGpuLaunchesThem) {
  const auto error = [](const LaunchGeometry& geometry) { return launch(geometry, [] {}).error; };
  EXPECT_EQ(error(clusters(8, 8)), "");
  EXPECT_NE(error(clusters(3, 2)), "");
  EXPECT_NE(error(clusters(9, 9)), "");
  EXPECT_NE(error(clusters(2, 0)), "");
  EXPECT_NE(error({.grid = {2, 1, 1}, .block = {48, 1, 1}, .cluster = 2}), "");
}

}  // namespace
}  // namespace convtune::cuda
