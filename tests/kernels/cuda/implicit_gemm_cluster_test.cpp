#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/cuda/implicit_gemm.hpp"
#include "kernels/cuda/implicit_gemm_part.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/implicit_gemm_settings.hpp"

namespace convtune {
namespace {

using cuda::ImplicitGemmConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

TEST(ImplicitGemm, ClustersServeWhereTheyLeaveTheBusiestSmLess) {
  // 40 tiles of 20 steps: two chunks of channels by ten taps.
  const Problem problem = {.length = 609,
                           .in_channels = 128,
                           .out_channels = 256,
                           .kernel_size = 10,
                           .dtype = DType::bfloat16};
  const auto broken = [](const Problem& p, int cluster, const DeviceProperties& device = h200) {
    const ImplicitGemmConfig c = {.shares_rows = true, .cluster = cluster};
    return broken_by(cuda_implicit_gemm(), p, config_for(c), device);
  };
  EXPECT_EQ(broken(problem, 2), "");
  EXPECT_EQ(broken(problem, 4), "cluster_pays");  // 160 blocks, of which an SM has two

  Problem other = problem;
  other.length = 73;                            // 4 tiles
  EXPECT_EQ(broken(other, 8), "");              // the longest part has 3 steps
  EXPECT_EQ(broken(other, 4), "cluster_pays");  // 5 steps
  EXPECT_EQ(broken(other, 8, properties_of_arch("sm_89")), "device_has_clusters");
  EXPECT_EQ(broken(other, 8, properties_of_arch("sm_100a")), "");
  EXPECT_EQ(broken(other, 8, properties_of_arch("sm_120")), "");
  other.kernel_size = 3;  // 6 steps: an exchange takes longer than half of them
  EXPECT_EQ(broken(other, 2), "cluster_pays");
  EXPECT_EQ(broken(other, 8), "cluster_has_steps");  // 2 chunks of channels by 3 taps
  other = problem;
  other.length = 60'000;
  EXPECT_EQ(broken(other, 2), "cluster_pays");
}

TEST(ImplicitGemm, LaunchesAClusterForEachTile) {
  const Problem problem = {.length = 609,
                           .in_channels = 128,
                           .out_channels = 256,
                           .kernel_size = 10,
                           .dtype = DType::bfloat16};
  const LaunchGeometry geometry =
      cuda_implicit_gemm().cuda->geometry(problem, config_for({.cluster = 4}), h200);
  EXPECT_EQ(geometry.grid[0], 4U * 10 * 4);
  EXPECT_EQ(geometry.cluster, 4U);
}

TEST(ImplicitGemm, CutsTheReductionWhereItLeavesTheFewestSteps) {
  const auto split = [](std::int64_t chunks, std::int64_t taps, int cluster) {
    const auto [channels, of_taps] = cuda::reduction_split(
        ImplicitGemmConfig{.cluster = cluster},
        cuda::ConvShape<cuda::Int64>{.in_channels = 64 * chunks, .taps = taps});
    return std::pair(channels, of_taps);
  };
  EXPECT_EQ(split(8, 1, 8), std::pair(8, 1));
  EXPECT_EQ(split(1, 8, 8), std::pair(1, 8));
  EXPECT_EQ(split(2, 10, 4), std::pair(2, 2));
  EXPECT_EQ(split(3, 16, 4), std::pair(1, 4));  // 12 steps; halves of both: 16
  EXPECT_EQ(split(5, 3, 4), std::pair(4, 1));   // 6 steps as with halves of both, but x comes once
  EXPECT_EQ(split(3, 5, 8), std::pair(2, 4));
}

TEST(ImplicitGemm, EachStepIsThatOfOneBlock) {
  for (const std::int64_t channels : {64, 129, 320, 500}) {
    for (const std::int64_t taps : {1, 2, 3, 7, 10, 41}) {
      for (const int cluster : {1, 2, 4, 8}) {
        const ImplicitGemmConfig c = {.cluster = cluster};
        const cuda::ConvShape<cuda::Int64> shape = {
            .in_channels = channels, .taps = taps, .dilation = 3, .pad_left = 5};
        const auto split = cuda::reduction_split(c, shape);
        if (!cuda::reaches_all(c, shape, split)) continue;
        std::set<std::pair<std::int64_t, std::int64_t>> products;  // tap's position, channel
        std::int64_t count = 0;
        for (int rank = 0; rank < cluster; ++rank) {
          const auto part = cuda::reduction_part(c, shape, rank);
          const auto own = cuda::part_shape(c, shape, part);
          EXPECT_LE(cuda::channel_steps(c, own) * own.taps, cuda::most_steps(c, shape, split));
          EXPECT_GT(own.in_channels * own.taps, 0);
          count += own.in_channels * own.taps;
          for (std::int64_t k = 0; k < own.taps; ++k) {
            for (std::int64_t i = 0; i < own.in_channels; ++i)
              products.insert({k * own.dilation - own.pad_left, part.steps.first * 64 + i});
          }
        }
        EXPECT_EQ(count, channels * taps);
        EXPECT_EQ(products.size(), static_cast<std::size_t>(count));
        EXPECT_EQ(*products.begin(), (std::pair<std::int64_t, std::int64_t>(-5, 0)));
        EXPECT_EQ(*products.rbegin(), (std::pair((taps - 1) * 3 - 5, channels - 1)));
      }
    }
  }
}

}  // namespace
}  // namespace convtune
