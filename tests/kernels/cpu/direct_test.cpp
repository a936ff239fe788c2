#include "tests/kernels/cpu/simd_targets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cpu/direct.hpp"
#include "kernels/cpu/families.hpp"
#include "kernels/cpu/packed.hpp"
#include "kernels/cpu/targets.hpp"

namespace convtune {
namespace {

class DirectStores : public testing::TestWithParam<std::int64_t> {};

// From that size on y is stored past the caches where it lies on whole lines, and not elsewhere.
TEST_P(DirectStores, AllOfALargeOutputWhereverItLies) {
  const ForcedTarget forced(GetParam());
  constexpr std::int64_t channels = 48;
  const Problem p = {.length = direct_uncached_floats / channels + 5,
                     .in_channels = 1,
                     .out_channels = channels,
                     .kernel_size = 1};
  ASSERT_GE(output_elements(p), direct_uncached_floats);
  std::vector<float> x(static_cast<std::size_t>(p.length));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 1000);
  std::vector<float> weight(channels);
  std::iota(weight.begin(), weight.end(), 1.0F);
  ThreadPool pool(2);
  const PackedFloats room = zeroed_floats(output_elements(p) + 1);
  if (lanes_of(cpu_target()) < 4) GTEST_SKIP() << "no tile of it is as wide as a cache line";
  // A line of one, two or four vectors.
  const Config config =
      parse_config("cpu_direct{tile_l=8,tile_c=16,block_l=48,block_c=0,channels_first=0}");
  const auto plan = cpu_direct().cpu->prepare(p, config, weight.data(), nullptr);
  ASSERT_TRUE(static_cast<const DirectPlan*>(plan.get())->past_caches);
  for (float* y : {room.get(), room.get() + 1}) {
    std::fill_n(y, output_elements(p), std::numeric_limits<float>::quiet_NaN());
    cpu_direct().cpu->run(plan.get(), x.data(), y, pool);
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < output_elements(p); ++i) {
      const auto position = static_cast<float>(i / channels % 1000);
      wrong += y[i] != position * static_cast<float>(i % channels + 1);
    }
    EXPECT_EQ(wrong, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(, DirectStores, testing::ValuesIn(runnable_targets()),
                         [](const auto& param_info) { return hwy::TargetName(param_info.param); });

// Short batch rows share tasks, but leave some for many threads.
TEST(DirectTasks, TakeSeveralShortBatchRowsOnlyOfMany) {
  const Config config =
      parse_config("cpu_direct{tile_l=2,tile_c=16,block_l=48,block_c=64,channels_first=0}");
  Problem p = {.length = 11, .in_channels = 65, .out_channels = 16, .kernel_size = 2};
  const std::vector<float> weight(static_cast<std::size_t>(weight_elements(p)));
  const auto batch_rows_of_a_task = [&](std::int64_t batch) {
    p.batch = batch;
    const auto plan = cpu_direct().cpu->prepare(p, config, weight.data(), nullptr);
    return static_cast<const DirectPlan*>(plan.get())->block_n;
  };
  EXPECT_EQ(batch_rows_of_a_task(5), 1);
  EXPECT_EQ(batch_rows_of_a_task(64), 1);
  EXPECT_EQ(batch_rows_of_a_task(130), 2);
  EXPECT_EQ(batch_rows_of_a_task(10000), 4);  // 40 of 48 positions
}

}  // namespace
}  // namespace convtune
