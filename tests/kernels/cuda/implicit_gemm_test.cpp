#include "kernels/cuda/implicit_gemm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <utility>

#include "generator/candidates.hpp"
#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/implicit_gemm_kernels.hpp"
#include "tests/kernels/cuda/implicit_gemm_settings.hpp"
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

TEST(ImplicitGemmHostKernels, HaveEveryActivationAndKindOfProducts) {
  expect_every_type(implicit_gemm_kernels(), 8);
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

TEST(ImplicitGemm, TilesOf48ChannelsServeWhereTheyLeaveFewerIdle) {
  Problem problem = {.length = 6002,
                     .in_channels = 64,
                     .out_channels = 48,
                     .kernel_size = 3,
                     .dtype = DType::float16};
  const auto broken = [&](std::int64_t outputs, int tile_l) {
    problem.out_channels = outputs;
    const ImplicitGemmConfig c = {.tile_l = tile_l, .tile_c = 48, .shares_rows = true};
    return broken_by(cuda_implicit_gemm(), problem, config_for(c), h200);
  };
  EXPECT_EQ(broken(48, 128), "");
  EXPECT_EQ(broken(48, 64), "forty_eight_pays");
  EXPECT_EQ(broken(49, 128), "forty_eight_pays");
  EXPECT_EQ(broken(96, 128), "");
  EXPECT_EQ(broken(192, 128), "forty_eight_pays");
  problem.out_channels = 96;
  problem.length = 60'000;
  EXPECT_EQ(cuda_implicit_gemm().default_config(problem, h200).at("tile_c"), 48);
}

TEST(ImplicitGemm, FillsTilesWithPositionsOfManyShortRows) {
  const Problem problem = {.batch = 64,
                           .length = 4,
                           .in_channels = 64,
                           .out_channels = 64,
                           .kernel_size = 4,
                           .dtype = DType::float16};
  const Config config = config_for({.tile_l = 64});
  EXPECT_EQ(cuda_implicit_gemm().cost(problem, config, {}).flops, 2.0 * multiply_adds(problem));
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
  const Cost cost = cuda_implicit_gemm().cost(problem, config, {});
  EXPECT_EQ(cost.flops, 2.0 * 128 * 64 * 3 * 64);
  EXPECT_EQ(cost.bytes, (67 * 40 + 65 * 48) * 2.0 + 64 * 3 * 64 * 2 + 64 * 4);
  EXPECT_EQ(cost.arithmetic, Arithmetic::mma_16_bits);
  problem.dtype = DType::float32;
  problem.math = Math::tf32;
  const double once = cuda_implicit_gemm().cost(problem, config, {}).flops;
  problem.math = Math::tf32x3;
  EXPECT_EQ(cuda_implicit_gemm().cost(problem, config, {}).flops, 3 * once);
}

}  // namespace
}  // namespace convtune
