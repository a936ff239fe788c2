#include "kernels/cuda/direct.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "kernels/cuda/cuda_kernel.hpp"
#include "tests/kernels/cuda/direct_kernels.hpp"
#include "tests/kernels/cuda/drawn_problems.hpp"
#include "tests/kernels/cuda/kernel_check.hpp"
#include "tests/kernels/cuda/real_layers.hpp"

namespace convtune {
namespace {

using cuda::DirectConfig;

const DeviceProperties h200 = properties_of_arch("sm_90a");

/// A problem near the edges of the kernel's block: one short of it, just full, one more.
Problem draw_problem(const DirectConfig& c, std::mt19937& random) {
  const std::int64_t block = std::int64_t{cuda::block_l(c)} * c.tile_l;
  const std::int64_t out = pick(random, {block - 1, block, block + 1, std::int64_t{8}});
  Problem p;
  p.batch = pick(random, {1, 2});
  p.kernel_size = c.taps > 0 ? c.taps : pick(random, {1, 2, 5});
  p.stride = pick(random, {1, 1, 2, 3});
  p.dilation = pick(random, {1, 2, 3, 8});
  p.padding = pick<Padding>(random, {{0, 0}, {8, 0}, {2, 3}, {0, 1}});
  p.num_groups = pick(random, {1, 3, 40});
  p.in_channels = p.num_groups * pick(random, {1, 3, 6, 8});
  p.out_channels = p.num_groups * pick<std::int64_t>(random, {1, 6, 8, c.tile_c + 1});
  p.length = (out - 1) * p.stride + p.dilation * (p.kernel_size - 1) + 1 - p.padding.left -
             p.padding.right + static_cast<std::int64_t>(random() % 8);
  p.has_bias = random() % 2 == 0;
  p.dtype = c.dtype;
  p.layout = c.layout;
  p.activation = c.activation;
  return p;
}

Config config_for(const DirectConfig& c) {
  return {.family = "cuda_direct",
          .settings = {{"tile_l", c.tile_l},
                       {"tile_c", c.tile_c},
                       {"threads", c.threads},
                       {"block_c", c.block_c},
                       {"vec", std::max(c.vec_x, c.vec_y)},
                       {"bake_taps", c.taps > 0 ? 1 : 0}}};
}

/// A drawn problem that the host twin would serve with exactly this kernel, wide indices aside.
std::optional<Problem> problem_for(const HostKernel<DirectConfig>& kernel, std::mt19937& random) {
  for (int attempt = 0; attempt < 20000; ++attempt) {
    const Problem problem = draw_problem(kernel.config, random);
    if (problem.length < 1 || problem.length > 5000) continue;
    if (output_elements(problem) > 100000) continue;
    DirectConfig chosen = direct_config(problem, config_for(kernel.config));
    chosen.index_bits = kernel.config.index_bits;
    if (chosen == kernel.config) return problem;
  }
  return std::nullopt;
}

class DirectOnHost : public testing::TestWithParam<std::size_t> {};

TEST_P(DirectOnHost, EqualsTheReference) {
  const HostKernel<DirectConfig>& kernel = direct_kernels()[GetParam()];
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  for (int i = 0; i < 40; ++i) {
    const std::optional<Problem> problem = problem_for(kernel, random);
    ASSERT_TRUE(problem) << "no drawn problem needs this kernel";
    check_kernel(cuda_direct(), *problem, config_for(kernel.config), kernel.thread,
                 static_cast<Data>(i % 3), random);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, DirectOnHost,
                         testing::Range<std::size_t>(0, direct_kernels().size()));

TEST(DirectHostKernels, MoveTheBytesOfTheirCost) {
  EXPECT_GE(expect_counted_bytes(cuda_direct(), h200, direct_kernels(), config_for, direct_config),
            25);
}

TEST(DirectHostKernels, HaveEveryValueOfEveryParameter) {
  expect_every_value(cuda_direct(), direct_kernels(), config_for);
}

TEST(DirectHostKernels, HaveEveryActivationAndKindOfProducts) {
  expect_every_type(direct_kernels(), 6);
}

TEST(Direct, DefaultKeepsEveryConstraintThatAnyConfigKeeps) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const HostKernel<DirectConfig>& kernel = direct_kernels()[random() % direct_kernels().size()];
    Problem problem = draw_problem(kernel.config, random);
    if (problem.length < 1) continue;
    const Config config = cuda_direct().default_config(problem, h200);
    const Constraint* broken = broken_constraint(cuda_direct(), problem, config, h200);
    EXPECT_EQ(broken, nullptr) << describe(problem) << " " << to_text(config) << " breaks "
                               << broken->name;
  }
}

TEST(Direct, LeavesTf32ToTensorCoresWhereTheyServeIt) {
  Problem problem = {.length = 64, .in_channels = 64, .out_channels = 64, .kernel_size = 3};
  const auto broken = [&](const char* arch = "sm_90a") {
    return broken_by_default(cuda_direct(), problem, properties_of_arch(arch));
  };
  EXPECT_EQ(broken(), "");
  for (const Math math : {Math::tf32, Math::tf32x3}) {
    problem.math = math;
    problem.num_groups = 4;
    EXPECT_EQ(broken(), "float32_products");
    EXPECT_EQ(broken("sm_75"), "");
    problem.num_groups = 8;  // of 8 channels
    EXPECT_EQ(broken(), "");
  }
}

TEST(Direct, WidensIndicesWhereATensorNeedsIt) {
  const Config config = config_for({.threads = 128});
  Problem problem = {.length = (1 << 27) - 128,
                     .in_channels = 16,
                     .out_channels = 1,
                     .kernel_size = 1,
                     .layout = Layout::NCL};
  EXPECT_EQ(direct_config(problem, config).index_bits, 32);
  problem.length = 1 << 27;  // 2^31 elements of x
  EXPECT_EQ(direct_config(problem, config).index_bits, 64);
  problem = {.length = 64,
             .in_channels = 1,
             .out_channels = 1,
             .kernel_size = 2,
             .padding = {0, 1 << 30},
             .dilation = 1 << 30};
  EXPECT_EQ(direct_config(problem, config).index_bits, 64);  // a tap's position, not a tensor
}

TEST(Direct, WidensIndicesWhereATileReachesBeyond) {
  const Config config = config_for({.threads = 128});
  Problem problem = {
      .length = 0x7fffffff - 255, .in_channels = 1, .out_channels = 1, .kernel_size = 1};
  EXPECT_EQ(direct_config(problem, config).index_bits, 32);
  problem.length = 0x7fffffff - 126;  // the last block ends at 2^31
  EXPECT_EQ(direct_config(problem, config).index_bits, 64);
}

TEST(Direct, BakesInNothingButWhatItNames) {
  const Problem problem = {.length = 64, .in_channels = 8, .out_channels = 8, .kernel_size = 3};
  Problem other = problem;
  other.batch = 7;
  other.length = 200;
  other.in_channels = 16;
  other.out_channels = 32;
  other.kernel_size = 5;
  other.stride = 2;
  other.padding = {1, 4};
  other.dilation = 3;
  other.num_groups = 2;
  other.has_bias = true;
  other.math = Math::tf32;
  const Config config = config_for({.tile_l = 4, .tile_c = 4, .vec_x = 4, .vec_y = 4});
  const CudaKernel& twin = *cuda_direct().cuda;
  EXPECT_EQ(twin.instantiation(problem, config), twin.instantiation(other, config));
  other.activation = Activation::relu;
  EXPECT_NE(twin.instantiation(problem, config), twin.instantiation(other, config));
}

TEST(Direct, CostCountsTailsAndPackedWeights) {
  // 5 outputs and 3 channels in tiles of 4 by 4 with 128 threads along the length: 512 by 4.
  const Problem problem = {.length = 5, .in_channels = 2, .out_channels = 3, .kernel_size = 1};
  const Cost cost = cuda_direct().cost(problem, config_for({.tile_l = 4, .tile_c = 4}), {});
  EXPECT_EQ(cost.flops, 2.0 * 512 * 4 * 2);
  EXPECT_EQ(cost.bytes, (5 * 2 + 5 * 3) * 4.0 + 2 * 4 * 4 + 4 * 4);
}

}  // namespace
}  // namespace convtune
