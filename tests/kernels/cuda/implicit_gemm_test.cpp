#include "kernels/cuda/implicit_gemm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <utility>

#include "generator/candidates.hpp"
#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/cuda/implicit_gemm_part.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/implicit_gemm_kernels.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"
#include "tests/kernels/cuda/real_layers.hpp"

namespace convtune {
namespace {

using cuda::ImplicitGemmConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// A device so small that tiles of every size suit problems of a few blocks.
const DeviceProperties small = [] {
  DeviceProperties device = h200;
  device.units = 4;
  return device;
}();

/// A problem near the edges of the kernel's tile: one short of it, just full, one more; and with
/// reductions from one step to several turns of the ring.
Problem draw_problem(const ImplicitGemmConfig& c, std::mt19937& random) {
  const std::int64_t step = cuda::step_channels(c);
  const auto out = pick<std::int64_t>(random, {1, 5, c.tile_l - 1, c.tile_l, c.tile_l + 1});
  const bool along_channels = c.layout == Layout::NLC;
  Problem p;
  p.batch = pick(random, {1, 2, 5});
  const bool is_shared = c.cluster > 1;  // then there is much to share
  p.kernel_size = is_shared ? pick(random, {1, 3, 5, 7, 10}) : pick(random, {1, 2, 3, 5, 7});
  p.stride = pick(random, {1, 1, 2, 3, 4});
  p.dilation = pick(random, {1, 1, 2, 3, 4, 9});
  p.padding = pick<Padding>(random, {{0, 0}, {1, 1}, {8, 0}, {2, 3}, {0, 1}});
  p.num_groups = pick(random, {1, 1, 2});
  const auto in =
      is_shared
          ? pick<std::int64_t>(random, {16, step - 1, 2 * step + 1, 4 * step, 5 * step + 16})
          : pick<std::int64_t>(random, {16, step - 1, step, step + 1, 2 * step + 1, 2 * step + 16});
  const auto outs = pick<std::int64_t>(random, {16, c.tile_c - 1, c.tile_c, c.tile_c + 8});
  p.in_channels = p.num_groups * (along_channels ? in / c.vec_x * c.vec_x : in);
  p.out_channels = p.num_groups * (along_channels ? outs / c.vec_y * c.vec_y : outs);
  p.length = (out - 1) * p.stride + p.dilation * (p.kernel_size - 1) + 1 - p.padding.left -
             p.padding.right + static_cast<std::int64_t>(random() % 8);
  p.has_bias = random() % 2 == 0;
  p.dtype = c.dtype;
  p.math = c.math;
  p.layout = c.layout;
  p.activation = c.activation;
  return p;
}

Config config_for(const ImplicitGemmConfig& c) {
  return {.family = "cuda_implicit_gemm",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"row_bytes", c.row_bytes},
                       {"stages", c.stages},
                       {"share", c.shares_rows ? 1 : 0},
                       {"split", c.split},
                       {"cluster", c.cluster}}};
}

bool suits(const Problem& problem) { return multiply_adds(problem) <= 8'000'000; }

/// With as many SMs as two tiles have blocks, clusters of that size pay.
DeviceProperties device_for(const ImplicitGemmConfig& config) {
  DeviceProperties device = small;
  if (config.cluster > 1) device.units = 2 * config.cluster;
  return device;
}

Draw<ImplicitGemmConfig> draw_on(const DeviceProperties& device) {
  return {.family = cuda_implicit_gemm(),
          .device = device,
          .problem = draw_problem,
          .suits = suits,
          .config_for = config_for,
          .baked = implicit_gemm_config};
}

class ImplicitGemmOnHost : public testing::TestWithParam<std::size_t> {};

TEST_P(ImplicitGemmOnHost, EqualsTheReference) {
  const auto& kernel = implicit_gemm_kernels()[GetParam()];
  const auto& c = kernel.config;
  const int problems = c.tile_l * c.tile_c > 128 * 64 || c.cluster > 1 ? 12 : 24;
  expect_reference(kernel, draw_on(device_for(c)), problems, GetParam(), c.math != Math::tf32x3);
}

INSTANTIATE_TEST_SUITE_P(Kernels, ImplicitGemmOnHost,
                         testing::Range<std::size_t>(0, implicit_gemm_kernels().size()));

TEST(ImplicitGemmHostKernels, MoveTheBytesOfTheirCost) {
  EXPECT_GE(expect_counted_bytes(cuda_implicit_gemm(), small, implicit_gemm_kernels(), config_for,
                                 implicit_gemm_config),
            6);
}

TEST(ImplicitGemmHostKernels, MoveTheBytesOfTheirCostInClusters) {
  std::vector<HostKernel<ImplicitGemmConfig>> clusters;
  std::ranges::copy_if(implicit_gemm_kernels(), std::back_inserter(clusters),
                       [](const auto& kernel) { return kernel.config.cluster > 1; });
  int served = 0;
  for (const int units : {8, 16}) {
    DeviceProperties device = h200;
    device.units = units;
    served += expect_counted_bytes(cuda_implicit_gemm(), device, clusters, config_for,
                                   implicit_gemm_config);
  }
  EXPECT_GE(served, 6);
}

TEST(ImplicitGemmHostKernels, HaveEveryValueOfEveryParameter) {
  expect_every_value(cuda_implicit_gemm(), implicit_gemm_kernels(), config_for);
}

/// Problems near the edges of many kernels, and much larger ones.
std::vector<Problem> drawn_problems() {
  std::mt19937 random(1);
  std::vector<Problem> problems;
  while (problems.size() < 300) {
    const auto& kernel = implicit_gemm_kernels()[random() % implicit_gemm_kernels().size()];
    Problem problem = draw_problem(kernel.config, random);
    problem.batch = pick(random, {1, 16, 1000});
    problem.length *= pick(random, {1, 1, 50});
    problem.out_channels *= pick(random, {1, 8});
    problem.dilation *= pick(random, {1, 1, 300});
    if (has_output(problem) && out_channels_per_group(problem) >= 16 &&
        in_channels_per_group(problem) >= 16)
      problems.push_back(problem);
  }
  return problems;
}

TEST(ImplicitGemm, DefaultKeepsEveryConstraint) {
  for (const char* arch : {"sm_80", "sm_86", "sm_90a"}) {
    const DeviceProperties device = properties_of_arch(arch);
    for (const Problem& problem : drawn_problems()) {
      const Config config = cuda_implicit_gemm().default_config(problem, device);
      const Constraint* broken = broken_constraint(cuda_implicit_gemm(), problem, config, device);
      EXPECT_EQ(broken, nullptr) << describe(problem) << " " << to_text(config) << " breaks "
                                 << broken->name;
    }
  }
}

TEST(ImplicitGemm, NamesWhatItDoesNotServe) {
  const Problem served = {.length = 64,
                          .in_channels = 64,
                          .out_channels = 64,
                          .kernel_size = 3,
                          .dtype = DType::float16};
  const auto broken = [](const Problem& problem, const DeviceProperties& device) {
    return broken_by_default(cuda_implicit_gemm(), problem, device);
  };
  EXPECT_EQ(broken(served, h200), "");
  EXPECT_EQ(broken(served, properties_of_arch("sm_75")), "device_is_ampere_or_later");
  Problem other = served;
  other.dtype = DType::float32;
  EXPECT_EQ(broken(other, h200), "tensor_core_math");
  other.math = Math::tf32x3;
  EXPECT_EQ(broken(other, h200), "");
  other = served;
  other.num_groups = 8;
  EXPECT_EQ(broken(other, h200), "wide_groups");
  other = served;
  other.padding.left = std::int64_t{1} << 40;
  EXPECT_EQ(broken(other, h200), "indices_fit_64_bits");
}

TEST(ImplicitGemm, HasAFewDozenConfigs) {
  const Family* const families[] = {&cuda_implicit_gemm()};
  for (const auto& [arch, most] : {std::pair("sm_80", 80U), {"sm_90a", 120U}}) {
    const DeviceProperties device = properties_of_arch(arch);
    for (const Problem& problem : drawn_problems()) {
      const std::size_t configs = enumerate(problem, device, families).candidates.size();
      EXPECT_GE(configs, 1U) << describe(problem);
      EXPECT_LE(configs, most) << describe(problem);
    }
  }
}

TEST(ImplicitGemm, PutsEightRowsIntoDifferentBanks) {
  for (const int row_bytes : {64, 128}) {
    for (int chunk = 0; chunk < row_bytes / 16; ++chunk) {
      for (int first = 0; first < 16; ++first) {
        std::set<int> places;
        for (int row = first; row < first + 8; ++row)
          places.insert((row * row_bytes / 16 + cuda::swizzled_chunk(row_bytes, row, chunk)) % 8);
        EXPECT_EQ(places.size(), 8U) << row_bytes << " bytes, chunk " << chunk << ", row " << first;
      }
    }
  }
}

TEST(ImplicitGemm, FindsWhatATapReadsInTheTileItShares) {
  for (const std::int64_t stride : {1, 2, 3, 4, 6}) {
    for (const std::int64_t dilation : {1, 2, 3, 4, 9}) {
      const Problem problem = {.length = 100,
                               .in_channels = 64,
                               .out_channels = 64,
                               .kernel_size = 7,
                               .stride = stride,
                               .dilation = dilation,
                               .dtype = DType::float16};
      const ImplicitGemmConfig c = {.tile_l = 32, .shares_rows = true};
      const auto shape = conv_shape(problem);
      const auto sharing = cuda::tap_sharing(c, shape);
      std::int64_t taps = 0;
      for (std::int64_t tile = 0; tile < sharing.tiles(7); ++tile) {
        for (std::int64_t nth = 0; nth < sharing.taps_of(tile, 7); ++nth, ++taps) {
          const std::int64_t row = 31 + nth * sharing.shift;  // of the tile's last output
          EXPECT_LT(row, cuda::x_rows(c, shape));
          EXPECT_EQ(row * stride + tile * dilation,
                    31 * stride + (tile + nth * sharing.period) * dilation);
        }
      }
      EXPECT_EQ(taps, 7);
    }
  }
}

TEST(ImplicitGemm, FillsTilesWithPositionsOfManyShortRows) {
  const Problem problem = {.batch = 64,
                           .length = 4,
                           .in_channels = 64,
                           .out_channels = 64,
                           .kernel_size = 4,
                           .dtype = DType::float16};
  const Config config = config_for({.tile_l = 64});
  EXPECT_EQ(cuda_implicit_gemm().cost(problem, config).flops, 2.0 * multiply_adds(problem));
}

TEST(ImplicitGemm, DefaultSplitsTheReductionWhereSmsWouldIdle) {
  Problem problem = {.length = 100,
                     .in_channels = 512,
                     .out_channels = 512,
                     .kernel_size = 5,
                     .dtype = DType::bfloat16};
  const DeviceProperties without_clusters = properties_of_arch("sm_80");
  const auto defaults = [&](const DeviceProperties& device) {
    const Config config = cuda_implicit_gemm().default_config(problem, device);
    return std::pair(config.at("split"), config.at("cluster"));
  };
  EXPECT_EQ(defaults(without_clusters), std::pair(4L, 1L));
  EXPECT_EQ(defaults(h200), std::pair(2L, 4L));  // 32 tiles: a block to nearly every SM
  problem.length = 200;
  EXPECT_EQ(defaults(without_clusters), std::pair(2L, 1L));
  EXPECT_EQ(defaults(h200), std::pair(2L, 4L));
  problem.length = 6000;
  EXPECT_EQ(defaults(without_clusters), std::pair(1L, 1L));
  EXPECT_EQ(defaults(h200), std::pair(1L, 1L));
}

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

TEST(ImplicitGemm, WidensIndicesWhereATensorNeedsIt) {
  Problem problem = {.length = (1 << 25) - 256,
                     .in_channels = 64,
                     .out_channels = 16,
                     .kernel_size = 1,
                     .dtype = DType::float16};
  const Config config = cuda_implicit_gemm().default_config(problem, h200);
  EXPECT_EQ(implicit_gemm_config(problem, config).index_bits, 32);
  problem.length = 1 << 25;  // 2^31 elements of x
  EXPECT_EQ(implicit_gemm_config(problem, config).index_bits, 64);
  problem.length = 64;
  problem.kernel_size = 2;
  problem.dilation = problem.padding.right = 1 << 30;
  EXPECT_EQ(implicit_gemm_config(problem, config).index_bits, 64);  // a tap's position
}

TEST(ImplicitGemm, WidensIndicesWhereAStepReachesBeyond) {
  Problem problem = {.length = 16'000'000,
                     .in_channels = 65,
                     .out_channels = 16,
                     .kernel_size = 1,
                     .dtype = DType::float16,
                     .layout = Layout::NCL};
  const Config config = config_for({.tile_c = 32, .row_bytes = 64});  // steps of 32 channels
  EXPECT_EQ(implicit_gemm_config(problem, config).index_bits, 32);
  problem.length = 32'000'000;  // 65 channels end below 2^31, three steps beyond
  EXPECT_EQ(implicit_gemm_config(problem, config).index_bits, 64);
}

TEST(ImplicitGemm, BakesInNothingButWhatItNames) {
  const Problem problem = {.length = 64,
                           .in_channels = 64,
                           .out_channels = 64,
                           .kernel_size = 3,
                           .dtype = DType::bfloat16};
  Problem other = problem;
  other.batch = 7;
  other.length = 200;
  other.in_channels = 256;
  other.out_channels = 512;
  other.kernel_size = 5;
  other.stride = 2;
  other.padding = {1, 4};
  other.dilation = 3;
  other.num_groups = 2;
  other.has_bias = true;
  const Config config = config_for({.shares_rows = true});
  const CudaKernel& twin = *cuda_implicit_gemm().cuda;
  EXPECT_EQ(twin.instantiation(problem, config), twin.instantiation(other, config));
  other.activation = Activation::relu;
  EXPECT_NE(twin.instantiation(problem, config), twin.instantiation(other, config));
}

TEST(ImplicitGemm, CostCountsTailsAndPackedWeights) {
  // 65 positions by 48 channels in tiles of 64 by 32: 128 by 64. 40 input channels fill 64.
  Problem problem = {.length = 67,
                     .in_channels = 40,
                     .out_channels = 48,
                     .kernel_size = 3,
                     .dtype = DType::float16};
  const Config config = config_for({.tile_l = 64, .tile_c = 32, .row_bytes = 64});
  const Cost cost = cuda_implicit_gemm().cost(problem, config);
  EXPECT_EQ(cost.flops, 2.0 * 128 * 64 * 3 * 64);
  EXPECT_EQ(cost.bytes, (67 * 40 + 65 * 48) * 2.0 + 64 * 3 * 64 * 2 + 64 * 4);
  EXPECT_EQ(cost.arithmetic, Arithmetic::mma_16_bits);
  problem.dtype = DType::float32;
  problem.math = Math::tf32;
  const double once = cuda_implicit_gemm().cost(problem, config).flops;
  problem.math = Math::tf32x3;
  EXPECT_EQ(cuda_implicit_gemm().cost(problem, config).flops, 3 * once);
}

}  // namespace
}  // namespace convtune
