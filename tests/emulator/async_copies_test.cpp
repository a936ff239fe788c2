#include "tests/emulator/async_copies.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/emulator/cases/copy_async.cuh"
#include "tests/emulator/emulated.hpp"

namespace convtune::cuda {
namespace {

using namespace emulator;

TEST(AsyncCopies, FillAPipelineAndZerosOutside) {
  alignas(16) static std::array<unsigned, 1024> in;
  std::vector<unsigned> expected(1024);
  for (unsigned i = 0; i < 1024; ++i) in[i] = 5 * i + 3;
  for (unsigned i = 0; i < 1024; ++i)
    expected[i] = i / 128 % 3 == 2 ? 0 : in[i / 128 * 128 + 127 - i % 128];
  EXPECT_EQ(run_case(copy_async_case, one_block(32, 1536), in, 1024), expected);
}

/// Where the planted bugs are: a pipeline of two stages over six steps, with one thing left out.
enum class Missing { nothing, commit, wait, deeper_wait, barrier_before_reading, barrier_after };

void pipeline(Missing missing, const unsigned* in) {
  auto* tile = reinterpret_cast<unsigned*>(shared_memory());
  const unsigned thread = thread_index();
  const auto start = [&](int step) {
    copy_async<4>(shared_address(tile + step % 2 * 64 + thread), in + thread);
    if (missing != Missing::commit) copy_async_commit();
  };
  start(0);
  for (int step = 0; step < 6; ++step) {
    if (step + 1 < 6) start(step + 1);
    if (missing == Missing::deeper_wait)
      copy_async_wait<2>();
    else if (missing != Missing::wait && step + 1 < 6)
      copy_async_wait<1>();
    else if (missing != Missing::wait)
      copy_async_wait<0>();
    if (missing != Missing::barrier_before_reading) block_barrier();
    load_shared<1>(tile + step % 2 * 64 + (thread ^ 33));
    if (missing != Missing::barrier_after) block_barrier();
  }
}

TEST(AsyncCopies, PlantedBugsAreCaught) {
  if (!detects_races()) GTEST_SKIP() << "races are not detected in this build";
  alignas(16) static std::array<unsigned, 64> in = {};
  const auto run = [&](Missing missing) { return [=] { pipeline(missing, in.data()); }; };
  for (const Options& options : all_options())
    EXPECT_EQ(launch(one_block(64, 512), run(Missing::nothing), options).error, "");
  expect_caught(one_block(64, 512), run(Missing::commit), "in flight");
  expect_caught(one_block(64, 512), run(Missing::wait), "in flight");
  expect_caught(one_block(64, 512), run(Missing::deeper_wait), "in flight");
  expect_caught(one_block(64, 512), run(Missing::barrier_before_reading), "shared byte");
  expect_caught(one_block(64, 512), run(Missing::barrier_after), "shared byte");
}

TEST(AsyncCopies, AreForgottenWithTheirBlock) {
  alignas(16) static std::array<unsigned, 32> in = {};
  const LaunchGeometry two = {.grid = {2, 1, 1}, .block = {32, 1, 1}, .shared_bytes = 128};
  const auto kernel = [] {
    copy_async<4>(shared_address(shared_memory()) + 4 * thread_index(), in.data());
  };
  for (const Options& options : all_options()) EXPECT_EQ(launch(two, kernel, options).error, "");
}

TEST(AsyncCopies, CatchWhatIsOutsideOrNotAligned) {
  alignas(16) static std::array<unsigned, 64> in = {};
  const auto copy = [](unsigned to, unsigned from, bool inside = true) {
    return [=] { copy_async<16>(shared_address(shared_memory()) + to, in.data() + from, inside); };
  };
  expect_caught(one_block(1, 64), copy(64, 0), "outside the 64");
  expect_caught(one_block(1, 64), copy(8, 0), "not aligned");
  expect_caught(one_block(1, 64), copy(0, 2), "not aligned");
  const Options options = {.global = {{in.data(), 64}}};
  EXPECT_THAT(launch(one_block(1, 64), copy(0, 16), options).error,
              testing::HasSubstr("outside the arrays"));
  EXPECT_EQ(launch(one_block(1, 64), copy(0, 16, false), options).error, "");
  EXPECT_EQ(launch(one_block(1, 64), copy(0, 12), options).counts.bytes_loaded, 16U);
  EXPECT_EQ(launch(one_block(1, 64), copy(0, 16, false), options).counts.bytes_loaded, 0U);
}

}  // namespace
}  // namespace convtune::cuda
